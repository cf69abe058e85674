"""What the service remembers, in SQLite, PostgreSQL, MariaDB or MySQL."""
