"""Words of texts."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export
from tensorsmith.core.types import TensorLike


@export
def split_words(texts: TensorLike) -> Any:
    """The words of texts, in lower case: runs of letters, digits and apostrophes of any script.

    Give it to `keras.layers.TextVectorization` as `split`, with `standardize=None`. What Keras does by itself strips
    punctuation without a space in its place, so that "well-known" becomes "wellknown", and lowers ASCII letters only.

    Args:
        texts: Tensor of UTF-8 strings, `(batch,)`.

    Returns:
        A `tf.RaggedTensor` of strings, `(batch, words)`.

    Example:
        >>> import tensorflow as tf
        >>> [word.decode() for word in split_words(tf.constant(["It's well-known: ÉTÉ!"]))[0].numpy()]
        ["it's", 'well', 'known', 'été']
    """
    lowered = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.split(tf.strings.regex_replace(lowered, r"[^\p{L}\p{M}\p{N}']+", " "))
