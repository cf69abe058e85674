"""Everything in the memory of one process: for tests, for trying, for embedding."""

from vitrine.adapters.persistence.memory.persistence import MemoryPersistence

__all__ = ["MemoryPersistence"]
