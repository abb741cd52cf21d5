"""Inverse document frequency, which weights words by the number of documents that contain them."""

from collections.abc import Sequence

import numpy as np

from tensorsmith.core import check, did_you_mean

FORMULAS = ("keras", "inverse_log")


def idf_weights(document_counts: Sequence[int], documents: int, formula: str = "keras") -> np.ndarray:
    """Returns the inverse document frequency of each word, used in TF-IDF.

    Formula:

        "keras":     log(1 + documents / (1 + document_count))
        "inverse_log":  1 / log(document_count)

    The first formula is that of `keras.layers.TextVectorization`. The second is from Géron, "Hands-On Machine Learning
    with Scikit-Learn, Keras, and TensorFlow", 2nd edition, 2019, chapter 13. It is undefined for words in a single
    document, which are treated like words in two documents, 1 / log(2).

    Args:
        document_counts: Number of documents in which each word occurs.
        documents: Total number of documents.
        formula: Formula of the inverse document frequency (IDF): "keras" or "inverse_log".

    Returns:
        A float64 array with a factor for each word.

    Raises:
        ValueError: If `formula` is unknown, or if a count is negative or greater than `documents`.

    Example:
        >>> counts, documents = np.array([1, 0, 2]), [200, 10, 100]
        >>> print((counts * idf_weights(documents, 1000, "inverse_log")).round(2))
        [0.19 0.   0.43]
        >>> print((counts * idf_weights(documents, 1000)).round(2))
        [1.79 0.   4.78]
    """
    check(formula in FORMULAS, "formula", formula, " or ".join(map(repr, FORMULAS)), did_you_mean(formula, FORMULAS))
    counts = np.asarray(document_counts, "float64")
    fits = counts.ndim == 1 and bool(((counts >= 0) & (counts <= documents)).all())
    check(fits, "document_counts", document_counts, f"contain numbers from 0 to the number of documents ({documents})")
    return np.log1p(documents / (1 + counts)) if formula == "keras" else 1 / np.log(np.maximum(counts, 2))
