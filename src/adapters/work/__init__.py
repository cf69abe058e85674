"""What goes on beside the request: threads that move bytes, prove life and come round again."""
