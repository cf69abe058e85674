# XFS, for a file system that knows more than that of the machine may, and that can be frozen.
debian mkfs.xfs xfsprogs
debian fsfreeze util-linux
