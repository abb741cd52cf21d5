"""Rewriting scripts that import TensorFlow Addons."""
