"""The Image API v2 over HTTP: translation only."""
