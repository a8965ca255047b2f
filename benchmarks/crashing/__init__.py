"""A run that is cut after any of its effects, and what the next run makes of it."""
