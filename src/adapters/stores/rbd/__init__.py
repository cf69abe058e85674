"""Blobs as images of Ceph's block devices."""
