"""Other workers of this service."""
