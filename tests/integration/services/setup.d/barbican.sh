# Barbican, which keeps the certificates of those who sign images.
packages barbican Barbican
