"""Implementation of `fit`: epochs, chunks of steps, and callbacks and checkpoints between chunks."""
