"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers.attention import Attention
from tensorsmith.layers.crf import CRF
from tensorsmith.layers.depthwise_max_pool import DepthwiseMaxPool
from tensorsmith.layers.gru import GRU
from tensorsmith.layers.layer_norm_lstm import LayerNormLSTM
from tensorsmith.layers.layer_norm_simple_rnn import LayerNormSimpleRNN
from tensorsmith.layers.layer_normalization import LayerNormalization
from tensorsmith.layers.lstm import LSTM
from tensorsmith.layers.mc_dropout import MCDropout
from tensorsmith.layers.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.peephole_lstm import PeepholeLSTM
from tensorsmith.layers.rms_normalization import RMSNormalization
from tensorsmith.layers.simple_rnn import SimpleRNN

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "Attention",
    "DepthwiseMaxPool",
    "LayerNormLSTM",
    "LayerNormSimpleRNN",
    "LayerNormalization",
    "MCDropout",
    "MultiHeadAttention",
    "PeepholeLSTM",
    "RMSNormalization",
    "SimpleRNN",
]
