"""Cutting arrays into parts, for cross-validation."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import KFold

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.core.types import NestedArrays
from tensorsmith.tuning.search import SearchError


def folds(data: NestedArrays, count: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Every part with what the others hold: `(others, part)`.

    Args:
        data: A tuple of features, targets and perhaps weights, nested as a model takes them.
        count: How many parts.
        seed: Of which examples go together.

    Raises:
        SearchError: These are no arrays, or fewer examples than parts.
    """
    arrays = keras.tree.flatten(data) if isinstance(data, tuple) else []
    fits = bool(arrays) and all(hasattr(array, "shape") and len(array.shape) for array in arrays)
    if not fits:
        received = Verbatim(f"a {type(data).__name__} to train on")
        error = argument_error("folds", received, "arrays", "leave out folds, or let build_data give arrays")
        raise SearchError(str(error))
    examples = len(arrays[0])
    if examples < count:
        raise SearchError(str(argument_error("folds", count, f"{examples} or less, the number of examples")))
    for others, part in KFold(count, shuffle=True, random_state=seed).split(np.empty(examples)):
        yield _rows(data, others), _rows(data, part)


def _rows(data: NestedArrays, rows: np.ndarray) -> NestedArrays:
    return keras.tree.map_structure(lambda array: np.asarray(array)[rows], data)
