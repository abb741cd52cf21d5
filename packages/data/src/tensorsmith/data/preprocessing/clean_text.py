"""Removal of line breaks in HTML and of symbols from strings."""

import tensorflow as tf

from tensorsmith.core import check, export, is_integer
from tensorsmith.core.types import Tensor, TensorLike


@export
def clean_text(strings: TensorLike, limit: int | None = None, letters_only: bool = False) -> Tensor:
    """Replaces line breaks of HTML by spaces, and optionally removes symbols and shortens the strings.

    This is the usual preparation of reviews such as those of the IMDb data set. `<br>`, `<br/>` and `<br />` become
    spaces, in upper case as well. The strings are shortened last, so that they do not end in a part of a line break.

    It can be passed to `keras.layers.TextVectorization` as `standardize`, if the strings are not shortened.

    Args:
        strings: UTF-8 string tensor of any shape.
        limit: Maximum number of characters (code points) of a string. If `None`, strings are not shortened.
        letters_only: If `True`, replace each sequence of characters other than letters of any script and apostrophes by
            a space.

    Returns:
        A string tensor of the same shape.

    Raises:
        ValueError: If `limit` is not a positive integer or `None`.

    Example:
        >>> import tensorflow as tf
        >>> reviews = tf.constant(["It's <b>great</b>!<br /><br />10/10"])
        >>> clean_text(reviews).numpy()[0]
        b"It's <b>great</b>!  10/10"
        >>> clean_text(reviews, limit=12, letters_only=True).numpy()[0]
        b"It's b great"
    """
    check(limit is None or (is_integer(limit) and limit > 0), "limit", limit, "a positive integer or None")
    cleaned = tf.strings.regex_replace(strings, r"(?i)<br\s*/?>", " ")
    if letters_only:
        cleaned = tf.strings.regex_replace(cleaned, r"[^\p{L}\p{M}']+", " ")
    return cleaned if limit is None else tf.strings.substr(cleaned, 0, limit, unit="UTF8_CHAR")
