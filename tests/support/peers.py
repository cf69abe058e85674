"""Other workers, held still."""

from typing import Final

from vitrine.core.errors import VitrineError
from vitrine.ports.peers import PassedAnswer, PassedRequest, Peers

HERE: Final = "http://here.example.org"
"""Where others reach the worker under test."""


class MemoryPeers(Peers):
    """Workers that answer what a test says, or raise it.

    Attributes:
        answer: Of every worker.
        asked: Who was asked what.
    """

    def __init__(self) -> None:
        self.answer: PassedAnswer | VitrineError = PassedAnswer(status=204, reason="No Content")
        self.asked: list[tuple[str, PassedRequest]] = []

    def send(self, worker: str, request: PassedRequest) -> PassedAnswer:
        self.asked.append((worker, request))
        if isinstance(self.answer, VitrineError):
            raise self.answer
        return self.answer
