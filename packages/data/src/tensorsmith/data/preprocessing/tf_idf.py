"""How much a word says, by how many documents have it."""

from collections.abc import Sequence

import numpy as np

from tensorsmith.core import check, did_you_mean

FORMULAS = ("keras", "handbook")


def idf_weights(document_counts: Sequence[int], documents: int, formula: str = "keras") -> np.ndarray:
    """The factors that make TF-IDF of counts of words.

    Formula:

        "keras":     log(1 + documents / (1 + document_count))
        "handbook":  1 / log(document_count)

    The first is that of `keras.layers.TextVectorization`. The second is that of Géron, "Hands-On Machine Learning with
    Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019, chapter 13. It has no value for words of one document,
    which get that of words of two, 1 / log(2).

    Args:
        document_counts: In how many documents each word is.
        documents: How many documents there are.
        formula: "keras" or "handbook".

    Returns:
        A float64 array with a factor for each word.

    Raises:
        ValueError: `formula` is another one, or a count is below 0 or above `documents`.

    Example:
        >>> counts, documents = np.array([1, 0, 2]), [200, 10, 100]
        >>> print((counts * idf_weights(documents, 1000, "handbook")).round(2))
        [0.19 0.   0.43]
        >>> print((counts * idf_weights(documents, 1000)).round(2))
        [1.79 0.   4.78]
    """
    check(formula in FORMULAS, "formula", formula, " or ".join(map(repr, FORMULAS)), did_you_mean(formula, FORMULAS))
    counts = np.asarray(document_counts, "float64")
    fits = counts.ndim == 1 and bool(((counts >= 0) & (counts <= documents)).all())
    check(fits, "document_counts", document_counts, f"numbers of 0 to {documents}, the number of documents")
    return np.log1p(documents / (1 + counts)) if formula == "keras" else 1 / np.log(np.maximum(counts, 2))
