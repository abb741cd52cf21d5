"""Convolutional, pooling and vision layers."""
