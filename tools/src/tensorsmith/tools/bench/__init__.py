"""Benchmarks: the same work by several providers, in turns on one machine."""
