"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers.layer_normalization import LayerNormalization
from tensorsmith.layers.mc_dropout import MCDropout
from tensorsmith.layers.rms_normalization import RMSNormalization

__all__ = ["LayerNormalization", "MCDropout", "RMSNormalization"]
