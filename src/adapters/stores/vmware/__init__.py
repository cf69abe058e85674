"""Blobs as files in datastores of vSphere."""
