"""Image services of other regions."""
