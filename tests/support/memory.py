"""How much memory a server takes while it works."""

import threading
from types import TracebackType
from typing import Self

from tests.support.server import Server


class Watch:
    """Looks at a server's memory all the time while it is entered.

    Attributes:
        most: The most that its worker had resident, in bytes.
        looks: How often it was looked at.
    """

    def __init__(self, server: Server) -> None:
        self.most = 0
        self.looks = 0
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._server.rss())
            self.looks += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
