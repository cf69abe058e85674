"""Access to other services with credentials of Keystone."""
