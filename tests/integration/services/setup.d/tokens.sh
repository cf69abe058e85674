# What processes share tokens through.
debian memcached memcached
debian redis-server redis-server
