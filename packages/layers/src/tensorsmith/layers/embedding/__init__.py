"""Embeddings and positional encodings."""
