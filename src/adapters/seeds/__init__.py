"""Files with metadata definitions: those that come along, and an operator's own."""
