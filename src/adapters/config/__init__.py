"""Configuration: oslo.config's files and environment, read once into frozen settings."""
