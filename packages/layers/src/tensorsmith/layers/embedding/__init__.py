"""Embedding layers and positional encodings."""
