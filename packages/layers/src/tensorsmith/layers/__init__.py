"""Keras 3 layers."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.layers import activations, constraints, initializers, regularizers
from tensorsmith.layers.adain import AdaIN
from tensorsmith.layers.addons_multi_head_attention import AddonsMultiHeadAttention
from tensorsmith.layers.attention import Attention
from tensorsmith.layers.batch_normalization import BatchNormalization
from tensorsmith.layers.bottleneck_unit import BottleneckUnit
from tensorsmith.layers.contractive_penalty import ContractivePenalty
from tensorsmith.layers.convert_layers import convert_layers
from tensorsmith.layers.correlation_cost import CorrelationCost
from tensorsmith.layers.crf import CRF
from tensorsmith.layers.dense_transpose import DenseTranspose
from tensorsmith.layers.depthwise_max_pool import DepthwiseMaxPool
from tensorsmith.layers.embedding_bag import EmbeddingBag
from tensorsmith.layers.equalized_learning_rate import EqualizedLearningRate
from tensorsmith.layers.esn import ESN, ESNCell
from tensorsmith.layers.fake_quantization import FakeQuantization
from tensorsmith.layers.filter_response_normalization import FilterResponseNormalization
from tensorsmith.layers.fold_batch_normalization import fold_batch_normalization
from tensorsmith.layers.gated_activation_unit import GatedActivationUnit
from tensorsmith.layers.gru import GRU
from tensorsmith.layers.hub_layer import HubLayer
from tensorsmith.layers.inception_module import InceptionModule
from tensorsmith.layers.ind_rnn_cell import IndRNNCell
from tensorsmith.layers.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from tensorsmith.layers.layer_norm_simple_rnn import LayerNormSimpleRNN, LayerNormSimpleRNNCell
from tensorsmith.layers.layer_normalization import LayerNormalization
from tensorsmith.layers.learnable_exponential import LearnableExponential
from tensorsmith.layers.learned_average_pooling_2d import LearnedAveragePooling2D
from tensorsmith.layers.learned_positional_encoding import LearnedPositionalEncoding
from tensorsmith.layers.local_response_normalization import LocalResponseNormalization
from tensorsmith.layers.lstm import LSTM
from tensorsmith.layers.max_unpooling_2d import MaxUnpooling2D
from tensorsmith.layers.max_unpooling_2d_v2 import MaxUnpooling2DV2
from tensorsmith.layers.maxout import Maxout
from tensorsmith.layers.mc_alpha_dropout import MCAlphaDropout
from tensorsmith.layers.mc_dropout import MCDropout
from tensorsmith.layers.minibatch_standard_deviation import MinibatchStandardDeviation
from tensorsmith.layers.modulated_conv_2d import ModulatedConv2D
from tensorsmith.layers.monte_carlo import MonteCarlo
from tensorsmith.layers.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.nas_cell import NASCell
from tensorsmith.layers.netvlad import NetVLAD
from tensorsmith.layers.noise_injection import NoiseInjection
from tensorsmith.layers.noisy_dense import NoisyDense
from tensorsmith.layers.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from tensorsmith.layers.pixel_normalization import PixelNormalization
from tensorsmith.layers.poincare_normalize import PoincareNormalize
from tensorsmith.layers.polynomial_crossing import PolynomialCrossing
from tensorsmith.layers.prune_by_magnitude import prune_by_magnitude
from tensorsmith.layers.quantization_aware import QuantizationAware, quantization_aware
from tensorsmith.layers.rbf_output import RBFOutput
from tensorsmith.layers.recomputed import Recomputed
from tensorsmith.layers.residual_dense import ResidualDense
from tensorsmith.layers.residual_unit import ResidualUnit
from tensorsmith.layers.rms_normalization import RMSNormalization
from tensorsmith.layers.rotary_embedding import RotaryEmbedding
from tensorsmith.layers.rrelu import RReLU
from tensorsmith.layers.sampled_softmax import SampledSoftmax
from tensorsmith.layers.sampling import Sampling
from tensorsmith.layers.scheduled_dropout import ScheduledDropout
from tensorsmith.layers.simple_rnn import SimpleRNN
from tensorsmith.layers.sinusoidal_positional_encoding import SinusoidalPositionalEncoding
from tensorsmith.layers.snake import Snake
from tensorsmith.layers.sparsely_connected_conv_2d import SparselyConnectedConv2D
from tensorsmith.layers.sparsemax import Sparsemax
from tensorsmith.layers.spatial_pyramid_pooling_2d import SpatialPyramidPooling2D
from tensorsmith.layers.squeeze_excitation import SqueezeExcitation
from tensorsmith.layers.standardization import Standardization
from tensorsmith.layers.stochastic_depth import StochasticDepth
from tensorsmith.layers.tlu import TLU
from tensorsmith.layers.to_convolutional import to_convolutional
from tensorsmith.layers.to_monte_carlo import to_monte_carlo
from tensorsmith.layers.wavenet_block import WaveNetBlock
from tensorsmith.layers.weight_normalization import WeightNormalization

__all__ = [
    "CRF",
    "ESN",
    "GRU",
    "LSTM",
    "TLU",
    "AdaIN",
    "AddonsMultiHeadAttention",
    "Attention",
    "BatchNormalization",
    "BottleneckUnit",
    "ContractivePenalty",
    "CorrelationCost",
    "DenseTranspose",
    "DepthwiseMaxPool",
    "ESNCell",
    "EmbeddingBag",
    "EqualizedLearningRate",
    "FakeQuantization",
    "FilterResponseNormalization",
    "GatedActivationUnit",
    "HubLayer",
    "InceptionModule",
    "IndRNNCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNN",
    "LayerNormSimpleRNNCell",
    "LayerNormalization",
    "LearnableExponential",
    "LearnedAveragePooling2D",
    "LearnedPositionalEncoding",
    "LocalResponseNormalization",
    "MCAlphaDropout",
    "MCDropout",
    "MaxUnpooling2D",
    "MaxUnpooling2DV2",
    "Maxout",
    "MinibatchStandardDeviation",
    "ModulatedConv2D",
    "MonteCarlo",
    "MultiHeadAttention",
    "NASCell",
    "NetVLAD",
    "NoiseInjection",
    "NoisyDense",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "PixelNormalization",
    "PoincareNormalize",
    "PolynomialCrossing",
    "QuantizationAware",
    "RBFOutput",
    "RMSNormalization",
    "RReLU",
    "Recomputed",
    "ResidualDense",
    "ResidualUnit",
    "RotaryEmbedding",
    "SampledSoftmax",
    "Sampling",
    "ScheduledDropout",
    "SimpleRNN",
    "SinusoidalPositionalEncoding",
    "Snake",
    "SparselyConnectedConv2D",
    "Sparsemax",
    "SpatialPyramidPooling2D",
    "SqueezeExcitation",
    "Standardization",
    "StochasticDepth",
    "WaveNetBlock",
    "WeightNormalization",
    "activations",
    "constraints",
    "convert_layers",
    "fold_batch_normalization",
    "initializers",
    "prune_by_magnitude",
    "quantization_aware",
    "regularizers",
    "to_convolutional",
    "to_monte_carlo",
]
