"""TensorFlow ops with compiled CPU kernels, gradients and reference implementations."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # without log messages, and before any other import of TensorFlow

from tensorsmith.ops._support.moments import MomentsUpdate
from tensorsmith.ops.adam import adam_update
from tensorsmith.ops.additive_scores import additive_scores
from tensorsmith.ops.attention import attention
from tensorsmith.ops.augment_images import augment_images
from tensorsmith.ops.box_iou import box_iou
from tensorsmith.ops.byte_pair import BytePairMerges, byte_pair_encode
from tensorsmith.ops.cached_attention import CachedAttention, cached_attention
from tensorsmith.ops.connected_components import connected_components
from tensorsmith.ops.correlation_cost import correlation_cost
from tensorsmith.ops.crf import crf_decode, crf_log_likelihood
from tensorsmith.ops.depthwise_max_pool import depthwise_max_pool
from tensorsmith.ops.dispatch import active, compiled, use
from tensorsmith.ops.distance_transform import distance_transform
from tensorsmith.ops.dropout import dropout
from tensorsmith.ops.embedding_bag import embedding_bag
from tensorsmith.ops.examples import parse_examples, read_examples
from tensorsmith.ops.gather_tree import gather_tree
from tensorsmith.ops.gelu import gelu
from tensorsmith.ops.global_norm import global_norm
from tensorsmith.ops.gru import gru
from tensorsmith.ops.lamb import lamb_update
from tensorsmith.ops.layer_norm import layer_norm, rms_norm
from tensorsmith.ops.layer_norm_lstm import layer_norm_lstm
from tensorsmith.ops.library import Library, library, set_threads
from tensorsmith.ops.lstm import lstm
from tensorsmith.ops.median_filter2d import median_filter2d
from tensorsmith.ops.non_max_suppression import Selection, non_max_suppression
from tensorsmith.ops.pair_counts import PairCounts, pair_counts
from tensorsmith.ops.projection_loss import softmax_cross_entropy_with_projection
from tensorsmith.ops.projective_transform import projective_transform
from tensorsmith.ops.resample import resample
from tensorsmith.ops.separable_filter2d import separable_filter2d
from tensorsmith.ops.sgd import sgd_update
from tensorsmith.ops.simple_rnn import simple_rnn
from tensorsmith.ops.softmax_cross_entropy import softmax_cross_entropy
from tensorsmith.ops.word_piece import WordPieces, word_piece_encode

__all__ = [
    "BytePairMerges",
    "CachedAttention",
    "Library",
    "MomentsUpdate",
    "PairCounts",
    "Selection",
    "WordPieces",
    "active",
    "adam_update",
    "additive_scores",
    "attention",
    "augment_images",
    "box_iou",
    "byte_pair_encode",
    "cached_attention",
    "compiled",
    "connected_components",
    "correlation_cost",
    "crf_decode",
    "crf_log_likelihood",
    "depthwise_max_pool",
    "distance_transform",
    "dropout",
    "embedding_bag",
    "gather_tree",
    "gelu",
    "global_norm",
    "gru",
    "lamb_update",
    "layer_norm",
    "layer_norm_lstm",
    "library",
    "lstm",
    "median_filter2d",
    "non_max_suppression",
    "pair_counts",
    "parse_examples",
    "projective_transform",
    "read_examples",
    "resample",
    "rms_norm",
    "separable_filter2d",
    "set_threads",
    "sgd_update",
    "simple_rnn",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_projection",
    "use",
    "word_piece_encode",
]
