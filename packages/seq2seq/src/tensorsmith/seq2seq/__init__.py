"""Decoding for sequence-to-sequence and language models in TensorFlow."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.seq2seq._decode import Decoded, decode, stream
from tensorsmith.seq2seq.choices import greedy, temperature_sampling
from tensorsmith.seq2seq.gather_tree_from_array import gather_tree_from_array
from tensorsmith.seq2seq.hardmax import hardmax
from tensorsmith.seq2seq.model_steps import recurrent_step, window_step
from tensorsmith.seq2seq.text_generator import TextGenerator
from tensorsmith.seq2seq.tile_batch import tile_batch

__all__ = [
    "Decoded",
    "TextGenerator",
    "decode",
    "gather_tree_from_array",
    "greedy",
    "hardmax",
    "recurrent_step",
    "stream",
    "temperature_sampling",
    "tile_batch",
    "window_step",
]
