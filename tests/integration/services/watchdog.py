"""End a group of processes when another process has gone; run with any Python, on Linux.

    watchdog.py WATCHED_PID GROUP_PID

A test run that is killed cannot clean up; this does it instead. Ends by itself when
the leader of the group has.
"""

import os
import select
import signal
import sys

_GRACE = 5_000  # milliseconds


def main(watched: int, group: int) -> None:
    """Wait for either to end, whichever is first."""
    try:
        leader = os.pidfd_open(group)
    except ProcessLookupError:
        return
    try:
        owner = os.pidfd_open(watched)
    except ProcessLookupError:
        _end(group, leader)
        return
    poll = select.poll()
    poll.register(leader, select.POLLIN)
    poll.register(owner, select.POLLIN)
    if leader not in dict(poll.poll()):
        _end(group, leader)


def _end(group: int, leader: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
        poll = select.poll()
        poll.register(leader, select.POLLIN)
        poll.poll(_GRACE)
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # All gone before the last blow.


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
