"""Looking inside images."""
