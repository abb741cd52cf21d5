"""Cross-validation folds for arrays."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import KFold

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import NestedArrays
from tensorsmith.tuning.search import SearchError


def folds(data: NestedArrays, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yields a pair of training data and validation data for each cross-validation fold.

    Args:
        data: Tuple of features, targets and, optionally, sample weights. Each may be a nested structure of arrays.
        count: Number of folds.
        seed: Random seed for the assignment of examples to folds.

    Raises:
        SearchError: If `data` does not consist of arrays, or if there are fewer examples than folds.
    """
    arrays = keras.tree.flatten(data) if isinstance(data, tuple) else []
    fits = bool(arrays) and all(hasattr(array, "shape") and len(array.shape) for array in arrays)
    if not fits:
        received = Verbatim(f"a {type(data).__name__} as training data")
        error = argument_error(
            "folds", received, "0 unless the data are arrays", "omit `folds`, or return arrays from `build_data`"
        )
        raise SearchError.like(error)
    examples = len(arrays[0])
    if examples < count:
        error = argument_error("folds", count, f"at most the number of examples ({examples})")
        raise SearchError.like(error)
    for others, part in KFold(count, shuffle=True, random_state=seed).split(np.empty(examples)):
        yield _rows(data, others), _rows(data, part)


def _rows(data: NestedArrays, rows: np.ndarray) -> NestedArrays:
    return keras.tree.map_structure(lambda array: np.asarray(array)[rows], data)
