"""The operating system under the services: users, base directories, kernel settings, limits."""
