"""Moves bytes: requests out, results in, webhooks in."""
