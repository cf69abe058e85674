"""The image cache: a directory of bytes, and the kinds of bookkeeping beside it."""
