"""The APIs that the service speaks, asked as their own clients ask."""
