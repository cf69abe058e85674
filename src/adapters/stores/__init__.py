"""Where the bytes live."""
