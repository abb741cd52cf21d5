"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers.mc_dropout import MCDropout

__all__ = ["MCDropout"]
