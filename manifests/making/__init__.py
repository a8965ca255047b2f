"""Draws the sample inputs of the manifests."""
