"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers.attention import Attention
from tensorsmith.layers.layer_normalization import LayerNormalization
from tensorsmith.layers.mc_dropout import MCDropout
from tensorsmith.layers.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.rms_normalization import RMSNormalization

__all__ = ["Attention", "LayerNormalization", "MCDropout", "MultiHeadAttention", "RMSNormalization"]
