"""Requests, replies and flows as values; performs no I/O."""
