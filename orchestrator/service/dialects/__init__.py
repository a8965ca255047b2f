"""Other APIs that this service speaks, each over the same desk."""
