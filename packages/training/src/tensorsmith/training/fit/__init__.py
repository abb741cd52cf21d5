"""Execution of `fit`: epochs, chunks of steps, and the work between them."""
