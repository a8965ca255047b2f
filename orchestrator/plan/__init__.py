"""Decisions before anything is sent; performs no I/O."""
