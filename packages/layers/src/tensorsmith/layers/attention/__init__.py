"""Attention layers with compiled kernels."""
