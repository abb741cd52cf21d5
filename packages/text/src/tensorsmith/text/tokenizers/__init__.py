"""Tokenizers with the same interface, whose encoding runs in input pipelines."""
