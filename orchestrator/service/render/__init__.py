"""Turns inputs into outputs: converters, merging, designs."""
