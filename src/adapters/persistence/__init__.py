"""Where the catalogue is remembered."""
