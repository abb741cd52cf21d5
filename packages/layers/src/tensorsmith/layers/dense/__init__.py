"""Layers like Dense."""
