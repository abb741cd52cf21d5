"""Sampling of skip-grams with token frequencies from a file."""

import csv

import tensorflow as tf

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.text.skip_gram_sample import skip_gram_sample


def skip_gram_sample_with_text_vocab(
    input_tensor: TensorLike,
    vocab_freq_file: str,
    vocab_token_index: int = 0,
    vocab_token_dtype: tf.DType = tf.string,
    vocab_freq_index: int = 1,
    vocab_freq_dtype: tf.DType = tf.float64,
    vocab_delimiter: str = ",",
    vocab_min_count: Scalar | None = None,
    vocab_subsampling: float | None = None,
    corpus_size: float | None = None,
    min_skips: Scalar = 1,
    max_skips: Scalar = 5,
    start: Scalar = 0,
    limit: Scalar = -1,
    emit_self_as_target: bool | tf.Tensor = False,
    seed: int | None = None,
    name: str | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    r"""Return skip-grams of the tokens that a text file lists with their frequencies; see `skip_gram_sample`.

    Each line of the file has one token and its frequency, in two of its columns.

    Source: Mikolov et al., "Efficient Estimation of Word Representations in Vector Space", 2013.

    Args:
        input_tensor: Tensor of shape `(tokens,)`, of the dtype `vocab_token_dtype`.
        vocab_freq_file: Path of the file.
        vocab_token_index: Index of the column with the tokens.
        vocab_token_dtype: Dtype of the tokens: `tf.string` or `tf.int64`.
        vocab_freq_index: Index of the column with the frequencies.
        vocab_freq_dtype: Dtype of the frequencies: `tf.float32`, `tf.float64`, `tf.int32` or `tf.int64`.
        vocab_delimiter: Delimiter of the columns.
        vocab_min_count: Smallest frequency of the tokens that are kept.
        vocab_subsampling: Threshold in [0, 1] of the fraction of the corpus above which tokens are removed at random.
        corpus_size: Sum of the frequencies of all tokens of the corpus. If `None` or 0, the sum of the frequencies in
            the file is used. A larger number accounts for tokens that the file does not list.
        min_skips: Smallest window size, `>= 0`.
        max_skips: Largest window size, `>= min_skips`.
        start: Position of the first token to use, `>= 0`.
        limit: Largest number of tokens to use from there. If negative, all are used.
        emit_self_as_target: If `True`, each token is also a label of itself.
        seed: Seed of the random numbers.
        name: Name scope of the operations.

    Returns:
        A tuple of tokens and labels, two tensors of shape `(pairs,)`.

    Raises:
        ValueError: If an index of a column is negative or too large, both are equal, a frequency is negative, or
            `corpus_size` is less than the sum of the frequencies.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "words.csv")
        >>> _ = path.write_text("quick,7\nfox,2\nthe,99\n")
        >>> words = ["the", "quick", "brown", "fox"]  # brown is unknown, and fox is rare
        >>> skip_gram_sample_with_text_vocab(words, str(path), vocab_min_count=5, max_skips=1)[1].numpy().tolist()
        [b'quick', b'the']
    """
    columns = {"vocab_token_index": vocab_token_index, "vocab_freq_index": vocab_freq_index}
    for argument, index in columns.items():
        check(is_integer(index) and index >= 0, argument, index, "a non-negative integer")
    check(
        vocab_token_index != vocab_freq_index, "vocab_freq_index", vocab_freq_index, "differ from `vocab_token_index`"
    )

    total, rows = 0.0, 0
    with tf.io.gfile.GFile(vocab_freq_file) as file:
        # TensorFlow, which reads the file below, does not know quotation marks either.
        for row in csv.reader(file, delimiter=vocab_delimiter, quoting=csv.QUOTE_NONE):
            for argument, index in columns.items():
                expected = f"less than {len(row)}, the number of columns in line {rows + 1} of {vocab_freq_file}"
                check(index < len(row), argument, index, expected)
            frequency = vocab_freq_dtype.as_numpy_dtype(row[vocab_freq_index])
            check(frequency >= 0, "vocab_freq_file", row, "contain frequencies >= 0")
            total, rows = total + frequency, rows + 1
    corpus_size = corpus_size or total
    check(corpus_size >= total - 1e-6, "corpus_size", corpus_size, f"at least {total}, the sum of all frequencies")

    initializer = tf.lookup.TextFileInitializer(
        vocab_freq_file,
        vocab_token_dtype,
        vocab_token_index,
        vocab_freq_dtype,
        vocab_freq_index,
        vocab_size=rows,
        delimiter=vocab_delimiter,
    )
    return skip_gram_sample(
        input_tensor,
        min_skips,
        max_skips,
        start,
        limit,
        emit_self_as_target,
        tf.lookup.StaticHashTable(initializer, default_value=-1),
        vocab_min_count,
        vocab_subsampling,
        None if vocab_subsampling is None else corpus_size,
        seed,
        name,
    )
