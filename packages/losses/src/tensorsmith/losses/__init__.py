"""Keras 3 losses, as classes and as functions."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.losses.huber import Huber, huber

__all__ = ["Huber", "huber"]
