"""`vitrine` whose imports say at every piece how far they are, and look up at every piece.

python telling_server.py serve ...
"""

from datetime import timedelta
from functools import partial
from unittest import mock

from vitrine.__main__ import main
from vitrine.usecases.filling import FillingRules

if __name__ == "__main__":
    eager = partial(FillingRules, report=timedelta(0), look=timedelta(0))
    with mock.patch("vitrine.bootstrap.rules.FillingRules", eager):
        main()
