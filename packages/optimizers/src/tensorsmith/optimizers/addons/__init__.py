"""Replacements for the optimizers of TensorFlow Addons."""
