"""Reaching URLs that users named, within what the operator allows."""
