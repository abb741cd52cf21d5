"""Wrappers for layers and models."""
