"""Pretrained weights, as NumPy arrays."""
