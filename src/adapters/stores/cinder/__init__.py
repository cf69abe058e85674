"""Images as volumes of the block storage service Cinder."""
