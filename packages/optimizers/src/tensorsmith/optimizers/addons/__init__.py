"""Optimizers of TensorFlow Addons."""
