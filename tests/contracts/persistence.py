"""What `Persistence` promises. An adapter passes all of it or is not one.

class TestMyPersistence(PersistenceContract):
    examples = hypothesis.settings(max_examples=10)  # where every call costs

    @pytest.fixture
    def persistence(self) -> Persistence: ...
"""

from tests.contracts.metadefs import MetadefsContract
from tests.contracts.persistence_cached import CachedImagesContract
from tests.contracts.persistence_commit import CommitContract
from tests.contracts.persistence_images import ImagesContract, MembersContract
from tests.contracts.persistence_jobs import JobsContract
from tests.contracts.persistence_ledger import LedgerContract
from tests.contracts.persistence_outbox import OutboxContract
from tests.contracts.persistence_work import LeasesContract, SessionsContract


class PersistenceContract(
    ImagesContract,
    MembersContract,
    SessionsContract,
    LeasesContract,
    LedgerContract,
    OutboxContract,
    CommitContract,
    JobsContract,
    MetadefsContract,
    CachedImagesContract,
):
    """Every promise of the port: override `persistence` with an empty one."""
