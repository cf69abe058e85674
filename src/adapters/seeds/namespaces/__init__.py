"""The metadata definitions that come along, one namespace in each file."""
