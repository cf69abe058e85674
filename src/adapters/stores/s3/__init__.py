"""Images as objects in a bucket of a service that speaks S3."""
