"""Splitting of strings into lowercase words, for text features."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import TensorLike


@export
def split_words(texts: TensorLike) -> Any:
    """Splits strings into lowercase words, which consist of letters and digits of any script, and apostrophes.

    It can be passed to `keras.layers.TextVectorization` as `split`, with `standardize=None`. The default of Keras
    removes punctuation without inserting a space, so that "well-known" becomes "wellknown", and lower-cases only ASCII
    letters.

    Args:
        texts: UTF-8 string tensor of shape `(batch,)`.

    Returns:
        A `tf.RaggedTensor` of strings, `(batch, words)`.

    Example:
        >>> import tensorflow as tf
        >>> [word.decode() for word in split_words(tf.constant(["It's well-known: ÉTÉ!"]))[0].numpy()]
        ["it's", 'well', 'known', 'été']
    """
    lowered = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lowered, r"[^\p{L}\p{M}\p{N}']+", " "))
