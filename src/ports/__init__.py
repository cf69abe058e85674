"""What the use cases need from the world, as protocols; the docstrings are the contract."""
