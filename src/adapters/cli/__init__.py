"""The command line: what an operator types, turned into calls of what is handed in."""
