"""Optimizers that correspond to those of TensorFlow Addons."""
