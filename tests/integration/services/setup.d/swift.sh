# Swift, whose proxy also speaks S3; its tokens are kept by memcached.
debian memcached memcached
packages swift Swift
