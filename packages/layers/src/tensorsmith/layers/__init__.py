"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers import activations
from tensorsmith.layers.attention import Attention
from tensorsmith.layers.crf import CRF
from tensorsmith.layers.depthwise_max_pool import DepthwiseMaxPool
from tensorsmith.layers.esn import ESN, ESNCell
from tensorsmith.layers.filter_response_normalization import FilterResponseNormalization
from tensorsmith.layers.gru import GRU
from tensorsmith.layers.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from tensorsmith.layers.layer_norm_simple_rnn import LayerNormSimpleRNN, LayerNormSimpleRNNCell
from tensorsmith.layers.layer_normalization import LayerNormalization
from tensorsmith.layers.lstm import LSTM
from tensorsmith.layers.max_unpooling_2d import MaxUnpooling2D
from tensorsmith.layers.max_unpooling_2d_v2 import MaxUnpooling2DV2
from tensorsmith.layers.maxout import Maxout
from tensorsmith.layers.mc_dropout import MCDropout
from tensorsmith.layers.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.nas_cell import NASCell
from tensorsmith.layers.noisy_dense import NoisyDense
from tensorsmith.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from tensorsmith.layers.poincare_normalize import PoincareNormalize
from tensorsmith.layers.polynomial_crossing import PolynomialCrossing
from tensorsmith.layers.rms_normalization import RMSNormalization
from tensorsmith.layers.rrelu import RReLU
from tensorsmith.layers.simple_rnn import SimpleRNN
from tensorsmith.layers.snake import Snake
from tensorsmith.layers.sparsemax import Sparsemax
from tensorsmith.layers.spatial_pyramid_pooling_2d import SpatialPyramidPooling2D
from tensorsmith.layers.stochastic_depth import StochasticDepth
from tensorsmith.layers.tlu import TLU

__all__ = [
    "CRF",
    "ESN",
    "GRU",
    "LSTM",
    "TLU",
    "Attention",
    "DepthwiseMaxPool",
    "ESNCell",
    "FilterResponseNormalization",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNN",
    "LayerNormSimpleRNNCell",
    "LayerNormalization",
    "MCDropout",
    "MaxUnpooling2D",
    "MaxUnpooling2DV2",
    "Maxout",
    "MultiHeadAttention",
    "NASCell",
    "NoisyDense",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "PoincareNormalize",
    "PolynomialCrossing",
    "RMSNormalization",
    "RReLU",
    "SimpleRNN",
    "Snake",
    "Sparsemax",
    "SpatialPyramidPooling2D",
    "StochasticDepth",
    "activations",
]
