"""Tests; see docs/design.md, section Tests."""
