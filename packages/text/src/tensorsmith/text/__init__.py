"""Tokenizers, conditional random fields, skip-grams and parsing of times for TensorFlow and Keras 3."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.text.crf_decode import crf_constrained_decode, crf_decode
from tensorsmith.text.crf_decode_forward import crf_decode_backward, crf_decode_forward
from tensorsmith.text.crf_decode_forward_rnn_cell import CrfDecodeForwardRnnCell
from tensorsmith.text.crf_log_likelihood import crf_log_likelihood
from tensorsmith.text.crf_log_norm import crf_forward, crf_log_norm
from tensorsmith.text.crf_model_wrapper import CRFModelWrapper
from tensorsmith.text.crf_multitag_sequence_score import crf_filtered_inputs, crf_multitag_sequence_score
from tensorsmith.text.crf_sequence_score import crf_binary_score, crf_sequence_score, crf_unary_score
from tensorsmith.text.parse_time import parse_time
from tensorsmith.text.skip_gram_sample import skip_gram_sample
from tensorsmith.text.skip_gram_sample_with_text_vocab import skip_gram_sample_with_text_vocab
from tensorsmith.text.tokenizers.byte_pair_tokenizer import BytePairTokenizer
from tensorsmith.text.tokenizers.character_tokenizer import CharacterTokenizer
from tensorsmith.text.tokenizers.word_piece_tokenizer import WordPieceTokenizer
from tensorsmith.text.tokenizers.word_tokenizer import WordTokenizer
from tensorsmith.text.viterbi_decode import viterbi_decode

__all__ = [
    "BytePairTokenizer",
    "CRFModelWrapper",
    "CharacterTokenizer",
    "CrfDecodeForwardRnnCell",
    "WordPieceTokenizer",
    "WordTokenizer",
    "crf_binary_score",
    "crf_constrained_decode",
    "crf_decode",
    "crf_decode_backward",
    "crf_decode_forward",
    "crf_filtered_inputs",
    "crf_forward",
    "crf_log_likelihood",
    "crf_log_norm",
    "crf_multitag_sequence_score",
    "crf_sequence_score",
    "crf_unary_score",
    "parse_time",
    "skip_gram_sample",
    "skip_gram_sample_with_text_vocab",
    "viterbi_decode",
]
