"""The catalogue of metadata definitions: what properties mean, and where they apply."""
