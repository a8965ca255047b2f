"""Designs: versioned templates with typed parameters."""
