"""How fast a Swift store moves bytes, beside what Swift's own command does.

Run as ``python -m benchmarks.stores_swift [--size MIB] [--rounds N]``; a Swift that keeps all
in memory is started for it. ``put`` is one object for both; ``stream`` comes in segments of
200 MB, as the options have it by default, and the command is still compared with one object.
"""

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.stores import Tool, compare, options, run
from tests.support.swift import Swift
from tests.support.swift_stores import by_options, opened

_CONTAINER = "bench"


def main() -> None:
    """Compare a store with ``swift upload`` and ``swift download``."""
    arguments = options(__doc__).parse_args()
    program = Path(sys.executable).with_name("swift")
    with tempfile.TemporaryDirectory() as directory:
        swift = Swift(Path(directory) / "swift")
        swift.start()
        try:
            store = opened(Path(directory), by_options(swift, _CONTAINER))
            command: list[str | os.PathLike[str]] = [
                program,
                *("--auth-version", "1", "--auth", swift.auth_url),
                *("--user", swift.user, "--key", swift.key),
            ]

            def put(source: Path) -> None:
                run(*command, "upload", "--object-name", "tool", _CONTAINER, source)

            def get(sink: Path) -> None:
                run(*command, "download", "--output", sink, _CONTAINER, "tool")

            def remove() -> None:
                run(*command, "delete", _CONTAINER, "tool")

            compare(store, Tool(name="swift", put=put, get=get, remove=remove), arguments)
        finally:
            swift.stop()


if __name__ == "__main__":
    main()
