"""Programs and libraries that read what users bring, each held short."""
