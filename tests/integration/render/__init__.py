"""Conversions for real, in worker processes."""
