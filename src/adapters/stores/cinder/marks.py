"""Who has a volume attached: a name for each attachment that others on its machine can check.

A process that is killed leaves its attachments behind, and what is attached cannot be
deleted. The name is written to the attachment, so that who comes later knows.
"""

import itertools
import os
import re
import socket
from pathlib import Path
from typing import Final

import attrs

_PREFIX: Final = "vitrine"
_FORM: Final = re.compile(_PREFIX + r"/([^/]+)/([0-9a-f-]+)/([0-9]+)/([0-9]+)/([0-9]+)/([0-9]+)")
_PROC: Final = Path("/proc")


@attrs.frozen(kw_only=True)
class Mark:
    """An attachment of a process, and the process as its machine tells it from all others.

    Attributes:
        host: The name of the machine.
        boot: Which of its boots.
        space: In which of its spaces of process ids.
        pid: The process's id there.
        started: When it was started, in clock ticks since the boot.
        serial: Which of its attachments.
    """

    host: str
    boot: str
    space: int
    pid: int
    started: int
    serial: int

    @classmethod
    def new(cls) -> "Mark":
        """Return a mark of this process for an attachment, which lives until `end`."""
        mark = cls._own(next(_serials))
        _living.add(mark)
        return mark

    def end(self) -> None:
        """Say that this process is done with the attachment, whatever became of it."""
        _living.discard(self)

    @classmethod
    def _own(cls, serial: int) -> "Mark":
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            boot=(_PROC / "sys/kernel/random/boot_id").read_text().strip(),
            space=(_PROC / "self/ns/pid").stat().st_ino,
            pid=pid,
            started=_started(pid) or 0,
            serial=serial,
        )

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """Return the mark that was written as *text*; None if somebody else wrote it."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        host, boot, *numbers = found.groups()
        space, pid, started, serial = map(int, numbers)
        return cls(host=host, boot=boot, space=space, pid=pid, started=started, serial=serial)

    def __str__(self) -> str:
        numbers = (self.space, self.pid, self.started, self.serial)
        return "/".join([_PREFIX, self.host, self.boot, *map(str, numbers)])

    @property
    def is_of_this_machine(self) -> bool:
        """Whether the attachment is one of this machine."""
        return self.host == socket.gethostname()

    @property
    def is_dead(self) -> bool:
        """Whether nobody uses the attachment, as far as this process can know.

        What runs on other machines, or in another container, counts as alive.
        """
        own = self._own(self.serial)
        if self == own:
            return self not in _living
        if self.host != own.host:
            return False
        if self.boot != own.boot:
            return True
        return self.space == own.space and _started(self.pid) != self.started


_serials: Final = itertools.count(1)
_living: Final[set[Mark]] = set()


def _started(pid: int) -> int | None:
    """Return when a process was started; None if it has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; what follows it is regular.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "XZ" else int(fields[18])
