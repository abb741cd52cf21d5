"""Cases of `tensorsmith bench ops`, one module per kernel, with the implementations of other providers."""
