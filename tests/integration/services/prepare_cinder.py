"""Make the database that the tests' Cinders copy; run by Cinder's Python.

    prepare_cinder.py CACHE

Leaves ``CACHE/cinder-template/cinder.sqlite``. Does nothing when it is there and was made
by these very files.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONFIG = """\
[DEFAULT]
state_path = {state}
log_file = {state}/cinder.log
[database]
connection = sqlite:///{state}/cinder.sqlite
[oslo_concurrency]
lock_path = {state}
"""


def main(cache: Path) -> None:
    """Make the template if there is none of this kind."""
    template = cache / "cinder-template"
    digest = hashlib.sha256()
    for name in ("cinder.lock", "prepare_cinder.py"):
        digest.update((HERE / name).read_bytes())
    stamp = template / "made-by"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir(parents=True)
    config = template / "cinder.conf"
    config.write_text(CONFIG.format(state=template))
    manage = Path(sys.executable).parent / "cinder-manage"
    subprocess.run([manage, "--config-file", config, "db", "sync"], check=True)
    (template / "cinder.log").unlink(missing_ok=True)
    stamp.write_text(digest.hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
