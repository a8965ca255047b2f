"""Faults on purpose: scripted, seeded, counted (docs/faults.md)."""
