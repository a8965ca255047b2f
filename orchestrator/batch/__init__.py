"""Turns a manifest into a run: the only place where the parts meet."""
