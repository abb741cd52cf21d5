"""Optimizers that update all variables in one compiled op."""
