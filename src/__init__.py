"""Vitrine: an image service with a pure core, ports, and adapters around them."""

__version__ = "0.1.0"
