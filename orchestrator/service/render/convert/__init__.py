"""Converters as they run in a worker process: one module each, with ``convert``."""
