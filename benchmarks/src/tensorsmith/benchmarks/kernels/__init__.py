"""Benchmark cases of `tensorsmith bench ops`, one module per kernel, with the implementations to compare."""
