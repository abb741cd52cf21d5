"""Functions for sequence-to-sequence decoders in TensorFlow."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.seq2seq.gather_tree_from_array import gather_tree_from_array
from tensorsmith.seq2seq.hardmax import hardmax
from tensorsmith.seq2seq.tile_batch import tile_batch

__all__ = ["gather_tree_from_array", "hardmax", "tile_batch"]
