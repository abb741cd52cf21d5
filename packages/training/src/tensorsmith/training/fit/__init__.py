"""Implementation of `fit`: epochs, chunks of steps, and the operations between chunks."""
