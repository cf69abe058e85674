"""Verifying who made the bytes of an image."""
