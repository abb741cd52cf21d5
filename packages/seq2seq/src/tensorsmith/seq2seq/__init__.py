"""Decoding for sequence-to-sequence and language models in TensorFlow."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.seq2seq._beam_search import Hypotheses, beam_search
from tensorsmith.seq2seq._decode import Decoded, decode, stream
from tensorsmith.seq2seq._plot_alignment import plot_alignment
from tensorsmith.seq2seq.addons.attention_mechanism import AttentionMechanism
from tensorsmith.seq2seq.addons.attention_wrapper import AttentionWrapper
from tensorsmith.seq2seq.addons.attention_wrapper_state import AttentionWrapperState
from tensorsmith.seq2seq.addons.bahdanau_attention import BahdanauAttention
from tensorsmith.seq2seq.addons.bahdanau_monotonic_attention import BahdanauMonotonicAttention
from tensorsmith.seq2seq.addons.base_decoder import BaseDecoder
from tensorsmith.seq2seq.addons.basic_decoder import BasicDecoder, BasicDecoderOutput
from tensorsmith.seq2seq.addons.beam_search_decoder import (
    BeamSearchDecoder,
    BeamSearchDecoderOutput,
    BeamSearchDecoderState,
    FinalBeamSearchDecoderOutput,
)
from tensorsmith.seq2seq.addons.cell_step import cell_step
from tensorsmith.seq2seq.addons.custom_sampler import CustomSampler
from tensorsmith.seq2seq.addons.decoder import Decoder
from tensorsmith.seq2seq.addons.dynamic_decode import dynamic_decode
from tensorsmith.seq2seq.addons.greedy_embedding_sampler import GreedyEmbeddingSampler
from tensorsmith.seq2seq.addons.inference_sampler import InferenceSampler
from tensorsmith.seq2seq.addons.luong_attention import LuongAttention
from tensorsmith.seq2seq.addons.luong_monotonic_attention import LuongMonotonicAttention
from tensorsmith.seq2seq.addons.monotonic_attention import monotonic_attention
from tensorsmith.seq2seq.addons.safe_cumprod import safe_cumprod
from tensorsmith.seq2seq.addons.sample_embedding_sampler import SampleEmbeddingSampler
from tensorsmith.seq2seq.addons.sampler import Sampler
from tensorsmith.seq2seq.addons.scheduled_embedding_training_sampler import ScheduledEmbeddingTrainingSampler
from tensorsmith.seq2seq.addons.scheduled_output_training_sampler import ScheduledOutputTrainingSampler
from tensorsmith.seq2seq.addons.training_sampler import TrainingSampler
from tensorsmith.seq2seq.adjustments import allowed_tokens, repetition_penalty
from tensorsmith.seq2seq.choices import greedy, temperature_sampling, top_k_sampling, top_p_sampling
from tensorsmith.seq2seq.gather_tree_from_array import gather_tree_from_array
from tensorsmith.seq2seq.hardmax import hardmax
from tensorsmith.seq2seq.model_steps import recurrent_step, window_step
from tensorsmith.seq2seq.text_generator import TextGenerator
from tensorsmith.seq2seq.tile_batch import tile_batch

__all__ = [
    "AttentionMechanism",
    "AttentionWrapper",
    "AttentionWrapperState",
    "BahdanauAttention",
    "BahdanauMonotonicAttention",
    "BaseDecoder",
    "BasicDecoder",
    "BasicDecoderOutput",
    "BeamSearchDecoder",
    "BeamSearchDecoderOutput",
    "BeamSearchDecoderState",
    "CustomSampler",
    "Decoded",
    "Decoder",
    "FinalBeamSearchDecoderOutput",
    "GreedyEmbeddingSampler",
    "Hypotheses",
    "InferenceSampler",
    "LuongAttention",
    "LuongMonotonicAttention",
    "SampleEmbeddingSampler",
    "Sampler",
    "ScheduledEmbeddingTrainingSampler",
    "ScheduledOutputTrainingSampler",
    "TextGenerator",
    "TrainingSampler",
    "allowed_tokens",
    "beam_search",
    "cell_step",
    "decode",
    "dynamic_decode",
    "gather_tree_from_array",
    "greedy",
    "hardmax",
    "monotonic_attention",
    "plot_alignment",
    "recurrent_step",
    "repetition_penalty",
    "safe_cumprod",
    "stream",
    "temperature_sampling",
    "tile_batch",
    "top_k_sampling",
    "top_p_sampling",
    "window_step",
]
