"""The JSON schemas that the API publishes, and checks what it is sent against."""
