"""`make bench`: how fast bytes move and lists are read, on this machine.

Figures of one run can be compared with each other, and hardly with those of
another machine or day.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run every benchmark with sizes that take a minute or two."""
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as directory:
        database = f"sqlite:///{Path(directory) / 'catalogue.sqlite'}"
        for command in (
            ["benchmarks.transfer"],
            ["benchmarks.stores", "--directory", directory],
            ["benchmarks.staged", "--directory", directory],
            ["benchmarks.seed_catalogue", database, "10000"],
        ):
            print(f"== {' '.join(command)}", flush=True)
            done = subprocess.run([sys.executable, "-m", *command], check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
