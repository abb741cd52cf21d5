"""Hyperparameter search for recipes with keras-tuner, and scikit-learn estimators that train Keras models."""

import importlib
from typing import TYPE_CHECKING, Any

from tensorsmith.tuning.search import Search, SearchError
from tensorsmith.tuning.space import Choice, Float, Int, Range, choice, declared, integer, log_uniform, uniform
from tensorsmith.tuning.space_file import parse_space

if TYPE_CHECKING:
    from tensorsmith.tuning.build_function import search_from_build
    from tensorsmith.tuning.estimators import SKLearnClassifier, SKLearnRegressor
    from tensorsmith.tuning.tuner import Tuner

__all__ = [
    "Choice",
    "Float",
    "Int",
    "Range",
    "SKLearnClassifier",
    "SKLearnRegressor",
    "Search",
    "SearchError",
    "Tuner",
    "choice",
    "declared",
    "integer",
    "log_uniform",
    "parse_space",
    "search_from_build",
    "uniform",
]

# Imported on first use: recipes declare their ranges with the other names, and listing them must not import TensorFlow.
_LATE = {
    "SKLearnClassifier": "estimators",
    "SKLearnRegressor": "estimators",
    "Tuner": "tuner",
    "search_from_build": "build_function",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tensorsmith.core import load_tensorflow

    load_tensorflow()
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
