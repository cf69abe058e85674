"""Stores that a driver of glance_store keeps."""
