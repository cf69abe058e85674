"""How much a project may have."""
