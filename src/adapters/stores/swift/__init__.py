"""Blobs as objects in Swift, in one account for all or in the account of each project."""
