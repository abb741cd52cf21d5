"""Keras models as scikit-learn estimators whose parameters include the hyperparameters."""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tensorsmith.core import check, did_you_mean
from tensorsmith.training import Trainer

GIVEN = ("X", "y")  # optional arguments of `build` for the training data, as in the Keras wrappers


class _SKLearnEstimator(BaseEstimator):
    """Base class for scikit-learn estimators that train Keras models. Parameters include the hyperparameters."""

    def __init__(
        self,
        build: Callable[..., Any],
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation_split: float = 0.0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        random_state: int | None = None,
        **hyperparameters: Any,
    ) -> None:
        self.build = build
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.random_state = random_state
        self.hyperparameters = _complete(build, hyperparameters)

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state of the estimator without its trainer, which cannot be pickled."""
        return {name: value for name, value in super().__getstate__().items() if name != "trainer_"}

    @functools.cached_property
    def trainer_(self) -> Trainer:
        """Trainer of the fitted model `model_`. Copies of the estimator create a new trainer."""
        return Trainer(self.model_)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns a dict of all parameters, including the hyperparameters of the function `build`."""
        return {**{name: getattr(self, name) for name in _own_names()}, **self.hyperparameters}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters. If `build` is replaced, hyperparameters that the new function also has keep their values.

        Raises:
            ValueError: If a parameter is unknown, or if a hyperparameter of a new `build` has no value.
        """
        build = params.get("build", self.build)
        names = _hyperparameters(build)
        own, known = _own_names(), [*_own_names(), *names]
        for name, value in params.items():
            remedy = did_you_mean(name, known) or f"use one of the parameters {', '.join(known)}"
            check(name in known, name, value, "omitted (the estimator has no such parameter)", remedy)
        values = {**self.hyperparameters, **params}
        self.hyperparameters = _complete(build, {name: value for name, value in values.items() if name in names})
        for name in params.keys() & set(own):
            setattr(self, name, params[name])
        return self

    def predict_raw(self, X: ArrayLike) -> np.ndarray:
        """Returns the outputs of the model for the samples `X` as an array."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, allow_nd=True)
        raw: np.ndarray = self.trainer_.predict(X, batch_size=self.batch_size)
        return raw

    def _train(self, X: np.ndarray, y: np.ndarray, sample_weight: ArrayLike | None) -> Self:
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            check(isinstance(value, int | np.integer) and bool(value >= 1), name, value, "a positive integer")
        share = self.validation_split
        check(isinstance(share, int | float) and 0 <= share < 1, "validation_split", share, "a fraction in [0, 1)")
        count = round(len(X) * (1 - share))
        some = f"a fraction of the {len(X)} examples that leaves some for training and some for validation"
        check(count > 0 and (count < len(X) or not share), "validation_split", share, some)
        if self.random_state is not None:
            keras.utils.set_random_seed(self.random_state)
        asked = inspect.signature(self.build).parameters
        given = {name: value for name, value in zip(GIVEN, (X, y), strict=True) if name in asked}
        made = self.build(**given, **self.hyperparameters)
        fits = isinstance(made, Trainer) or (isinstance(made, keras.Model) and made.compiled)
        check(fits, "build", made, "a function that returns a Trainer or a compiled model")
        self.trainer_ = made if isinstance(made, Trainer) else Trainer(made)
        self.model_ = self.trainer_.model
        weights = None if sample_weight is None else np.asarray(sample_weight)
        train, validation = slice(None), None
        if share:
            train, rest = slice(count), slice(count, None)
            validation = (X[rest], y[rest]) if weights is None else (X[rest], y[rest], weights[rest])
        self.history_ = self.trainer_.fit(
            X[train],
            y[train],
            sample_weight=None if weights is None else weights[train],
            epochs=self.epochs,
            batch_size=self.batch_size,
            validation_data=validation,
            callbacks=copy.deepcopy(list(self.callbacks)),  # callbacks have state, and an estimator can be fitted again
            seed=self.random_state,
            verbose=False,
        ).history
        return self


class SKLearnRegressor(RegressorMixin, _SKLearnEstimator):
    """Scikit-learn regressor that trains a Keras model with `Trainer`.

    Each argument of `build` is a parameter of the estimator, so that `GridSearchCV` and `RandomizedSearchCV` can search
    it like any other parameter. `keras.wrappers.SKLearnRegressor` has one dictionary `model_kwargs` instead, which a
    search can only replace as a whole.

    Args:
        build: Function that returns a compiled model or a `Trainer`. If the function has arguments named `X` and `y`,
            they receive the training data. All other arguments are hyperparameters.
        epochs: Number of passes over the data.
        batch_size: Number of examples per step.
        validation_split: Fraction of the examples to use as validation data, which is taken from the end of the data.
        callbacks: Keras callbacks, which are copied in each call of `fit`.
        random_state: Random seed for weights and shuffling, which is used as the global seed of Keras. If `None`, a
            random seed is used.
        **hyperparameters: Keyword arguments of `build`. If a hyperparameter is not given, the default value in the
            signature of `build` is used.

    Attributes:
        trainer_: Trainer of the fitted model. A copied or unpickled estimator creates a new trainer from `model_`.
        model_: Fitted Keras model.
        history_: Metrics of each epoch.

    Raises:
        ValueError: If a hyperparameter is not an argument of `build`, or if an argument without a default has no value.

    Example:
        >>> import keras, numpy as np
        >>> from sklearn.model_selection import GridSearchCV
        >>> from tensorsmith.tuning import SKLearnRegressor
        >>> def build(X, learning_rate=0.01):
        ...     model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1)])
        ...     model.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error")
        ...     return model
        >>> x = np.random.default_rng(0).normal(size=(96, 2))
        >>> search = GridSearchCV(SKLearnRegressor(build, random_state=0), {"learning_rate": [1e-5, 0.1]}, cv=2)
        >>> search.fit(x, x @ [2.0, -1.0]).best_params_
        {'learning_rate': 0.1}
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Trains a new model.

        Args:
            X: Input features of shape `(examples, ...)`.
            y: Target values of shape `(examples,)` or `(examples, outputs)`.
            sample_weight: Sample weights of shape `(examples,)`.

        Returns:
            The fitted estimator.
        """
        features, targets = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True)
        return self._train(features, targets, sample_weight)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Returns the predictions, which are one-dimensional if the model has a single output."""
        raw = self.predict_raw(X)
        return raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw


class SKLearnClassifier(ClassifierMixin, _SKLearnEstimator):
    """Scikit-learn classifier that trains a Keras model with `Trainer`.

    It is used like `SKLearnRegressor`. Labels of any type are encoded as class indices for a sparse categorical
    cross-entropy. With two classes, the model may also have a single output, the probability of the second class, and a
    binary cross-entropy.

    Args:
        build: Function that returns a model, as in `SKLearnRegressor`. The model outputs must be probabilities.
        epochs: Number of passes over the data.
        batch_size: Number of examples per step.
        validation_split: Fraction of the examples to use as validation data, which is taken from the end of the data.
        callbacks: Keras callbacks, which are copied in each call of `fit`.
        random_state: Random seed for weights and shuffling, which is used as the global seed of Keras. If `None`, a
            random seed is used.
        **hyperparameters: Keyword arguments of `build`. If a hyperparameter is not given, the default value in the
            signature of `build` is used.

    Attributes:
        classes_: Class labels known to the fitted classifier.
        trainer_: Trainer of the fitted model. A copied or unpickled estimator creates a new trainer from `model_`.
        model_: Fitted Keras model.
        history_: Metrics of each epoch.

    Raises:
        ValueError: If a hyperparameter is not an argument of `build`, or if an argument without a default has no value.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.tuning import SKLearnClassifier
        >>> def build(X, units=8):
        ...     layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(2, "softmax")]
        ...     model = keras.Sequential([keras.Input(X.shape[1:]), *layers])
        ...     model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
        ...     return model
        >>> x = np.random.default_rng(0).normal(size=(96, 2))
        >>> classifier = SKLearnClassifier(build, units=4, random_state=0)
        >>> classifier.fit(x, np.where(x[:, 0] > 0, "right", "left")).predict([[3.0, 0.0], [-3.0, 0.0]])
        array(['right', 'left'], dtype='<U5')
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Trains a new model.

        Args:
            X: Input features of shape `(examples, ...)`.
            y: Class labels of shape `(examples,)`.
            sample_weight: Sample weights of shape `(examples,)`.

        Returns:
            The fitted estimator.

        Raises:
            ValueError: If `y` does not contain class labels, or contains only one class.
        """
        features, labels = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(labels)
        encoder = LabelEncoder().fit(labels)
        self.classes_ = encoder.classes_
        check(len(self.classes_) > 1, "y", self.classes_.tolist(), "contain labels of at least two classes")
        return self._train(features, encoder.transform(labels), sample_weight)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Returns the class probabilities, of shape `(examples, classes)`."""
        raw = self.predict_raw(X)
        return np.concatenate([1 - raw, raw], axis=1) if raw.shape[1] == 1 else raw

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Returns the predicted class labels."""
        labels: np.ndarray = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels


def _own_names() -> list[str]:
    parameters = inspect.signature(_SKLearnEstimator).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]


def _complete(build: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given hyperparameters of a model-building function, completed with default values."""
    known = _hyperparameters(build)
    for name, value in given.items():
        remedy = did_you_mean(name, known) or f"the arguments of the function are: {', '.join(known) or 'none'}"
        check(name in known, name, value, f"omitted ({_name(build)} has no such argument)", remedy)
    values = {**known, **given}
    for name, value in values.items():
        needed = f"set ({_name(build)} has no default value for it)"
        check(value is not inspect.Parameter.empty, name, None, needed)
    return values


def _hyperparameters(build: Callable[..., Any]) -> dict[str, Any]:
    """Returns a dict that maps the hyperparameters of a model-building function to their default values."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(build).parameters.values()
    found = {each.name: each.default for each in parameters if each.kind in kinds and each.name not in GIVEN}
    taken = sorted(found.keys() & set(_own_names()))
    check(
        not taken, "build", taken, "not have arguments in common with the estimator", "rename the arguments of `build`"
    )
    return found


def _name(build: Callable[..., Any]) -> str:
    return f"{getattr(build, '__name__', 'build')}()"
