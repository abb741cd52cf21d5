"""The run of a `fit`: epochs, chunks of steps, and what happens between them."""
