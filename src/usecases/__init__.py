"""What the service does, one module per capability."""
