"""Compiled loops over training and evaluation steps."""
