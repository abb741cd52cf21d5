"""Layers, activations, initializers, constraints and regularizers for Keras 3."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # without log output, before any other import

from tensorsmith.layers import activations, constraints, initializers, regularizers
from tensorsmith.layers.activation_layers.gelu import GELU
from tensorsmith.layers.activation_layers.learnable_exponential import LearnableExponential
from tensorsmith.layers.activation_layers.rrelu import RReLU
from tensorsmith.layers.activation_layers.snake import Snake
from tensorsmith.layers.activation_layers.sparsemax import Sparsemax
from tensorsmith.layers.activation_layers.tlu import TLU
from tensorsmith.layers.attention.additive_attention import AdditiveAttention
from tensorsmith.layers.attention.addons_multi_head_attention import AddonsMultiHeadAttention
from tensorsmith.layers.attention.attention import Attention
from tensorsmith.layers.attention.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.conversion.accelerate import accelerate, decelerate
from tensorsmith.layers.conversion.convert_layers import convert_layers
from tensorsmith.layers.conversion.fake_quantization import FakeQuantization
from tensorsmith.layers.conversion.fold_batch_normalization import fold_batch_normalization
from tensorsmith.layers.conversion.prune_by_magnitude import prune_by_magnitude
from tensorsmith.layers.conversion.quantization_aware import QuantizationAware, quantization_aware
from tensorsmith.layers.conversion.to_convolutional import to_convolutional
from tensorsmith.layers.conversion.to_monte_carlo import to_monte_carlo
from tensorsmith.layers.convolution.bottleneck_unit import BottleneckUnit
from tensorsmith.layers.convolution.correlation_cost import CorrelationCost
from tensorsmith.layers.convolution.depthwise_max_pool import DepthwiseMaxPool
from tensorsmith.layers.convolution.gated_activation_unit import GatedActivationUnit
from tensorsmith.layers.convolution.inception_module import InceptionModule
from tensorsmith.layers.convolution.learned_average_pooling_2d import LearnedAveragePooling2D
from tensorsmith.layers.convolution.max_unpooling_2d import MaxUnpooling2D
from tensorsmith.layers.convolution.max_unpooling_2d_v2 import MaxUnpooling2DV2
from tensorsmith.layers.convolution.netvlad import NetVLAD
from tensorsmith.layers.convolution.residual_unit import ResidualUnit
from tensorsmith.layers.convolution.sparsely_connected_conv_2d import SparselyConnectedConv2D
from tensorsmith.layers.convolution.spatial_pyramid_pooling_2d import SpatialPyramidPooling2D
from tensorsmith.layers.convolution.squeeze_excitation import SqueezeExcitation
from tensorsmith.layers.convolution.wavenet_block import WaveNetBlock
from tensorsmith.layers.dense.dense import Dense
from tensorsmith.layers.dense.dense_transpose import DenseTranspose
from tensorsmith.layers.dense.einsum_dense import EinsumDense
from tensorsmith.layers.dense.maxout import Maxout
from tensorsmith.layers.dense.noisy_dense import NoisyDense
from tensorsmith.layers.dense.polynomial_crossing import PolynomialCrossing
from tensorsmith.layers.dense.residual_dense import ResidualDense
from tensorsmith.layers.embedding.embedding_bag import EmbeddingBag
from tensorsmith.layers.embedding.learned_positional_encoding import LearnedPositionalEncoding
from tensorsmith.layers.embedding.rotary_embedding import RotaryEmbedding
from tensorsmith.layers.embedding.sinusoidal_positional_encoding import SinusoidalPositionalEncoding
from tensorsmith.layers.generative.adain import AdaIN
from tensorsmith.layers.generative.minibatch_standard_deviation import MinibatchStandardDeviation
from tensorsmith.layers.generative.modulated_conv_2d import ModulatedConv2D
from tensorsmith.layers.generative.noise_injection import NoiseInjection
from tensorsmith.layers.generative.sampling import Sampling
from tensorsmith.layers.generative.style_mixing import StyleMixing
from tensorsmith.layers.normalization.batch_normalization import BatchNormalization
from tensorsmith.layers.normalization.filter_response_normalization import FilterResponseNormalization
from tensorsmith.layers.normalization.layer_normalization import LayerNormalization
from tensorsmith.layers.normalization.local_response_normalization import LocalResponseNormalization
from tensorsmith.layers.normalization.pixel_normalization import PixelNormalization
from tensorsmith.layers.normalization.poincare_normalize import PoincareNormalize
from tensorsmith.layers.normalization.rms_normalization import RMSNormalization
from tensorsmith.layers.normalization.standardization import Standardization
from tensorsmith.layers.output.crf import CRF
from tensorsmith.layers.output.rbf_output import RBFOutput
from tensorsmith.layers.output.sampled_softmax import SampledSoftmax
from tensorsmith.layers.recurrent.dropout_cell import DropoutCell
from tensorsmith.layers.recurrent.esn import ESN, ESNCell
from tensorsmith.layers.recurrent.gru import GRU
from tensorsmith.layers.recurrent.ind_rnn_cell import IndRNNCell
from tensorsmith.layers.recurrent.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from tensorsmith.layers.recurrent.layer_norm_simple_rnn import LayerNormSimpleRNN, LayerNormSimpleRNNCell
from tensorsmith.layers.recurrent.lstm import LSTM
from tensorsmith.layers.recurrent.nas_cell import NASCell
from tensorsmith.layers.recurrent.peephole_lstm import PeepholeLSTM, PeepholeLSTMCell
from tensorsmith.layers.recurrent.simple_rnn import SimpleRNN
from tensorsmith.layers.regularization.contractive_penalty import ContractivePenalty
from tensorsmith.layers.regularization.dropout import Dropout
from tensorsmith.layers.regularization.mc_alpha_dropout import MCAlphaDropout
from tensorsmith.layers.regularization.mc_dropout import MCDropout
from tensorsmith.layers.regularization.scheduled_dropout import ScheduledDropout
from tensorsmith.layers.regularization.scheduled_sampling import ScheduledSampling
from tensorsmith.layers.regularization.stochastic_depth import StochasticDepth
from tensorsmith.layers.wrappers.equalized_learning_rate import EqualizedLearningRate
from tensorsmith.layers.wrappers.hub_layer import HubLayer
from tensorsmith.layers.wrappers.monte_carlo import MonteCarlo
from tensorsmith.layers.wrappers.recomputed import Recomputed
from tensorsmith.layers.wrappers.weight_normalization import WeightNormalization

__all__ = [
    "CRF",
    "ESN",
    "GELU",
    "GRU",
    "LSTM",
    "TLU",
    "AdaIN",
    "AdditiveAttention",
    "AddonsMultiHeadAttention",
    "Attention",
    "BatchNormalization",
    "BottleneckUnit",
    "ContractivePenalty",
    "CorrelationCost",
    "Dense",
    "DenseTranspose",
    "DepthwiseMaxPool",
    "Dropout",
    "DropoutCell",
    "ESNCell",
    "EinsumDense",
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
    "ScheduledSampling",
    "SimpleRNN",
    "SinusoidalPositionalEncoding",
    "Snake",
    "SparselyConnectedConv2D",
    "Sparsemax",
    "SpatialPyramidPooling2D",
    "SqueezeExcitation",
    "Standardization",
    "StochasticDepth",
    "StyleMixing",
    "WaveNetBlock",
    "WeightNormalization",
    "accelerate",
    "activations",
    "constraints",
    "convert_layers",
    "decelerate",
    "fold_batch_normalization",
    "initializers",
    "prune_by_magnitude",
    "quantization_aware",
    "regularizers",
    "to_convolutional",
    "to_monte_carlo",
]
