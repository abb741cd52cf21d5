"""Search settings for a `build(hp)` function of KerasTuner."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.errors import FailedTrialError, FatalError

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.runs import SupervisedRecipe
from tensorsmith.training import Trainer
from tensorsmith.tuning.search import Search
from tensorsmith.tuning.space import KEY, Choice, Float, Int, Range

Build = Callable[[keras_tuner.HyperParameters], keras.Model]


def search_from_build(
    build: Build,
    data: Mapping[str, Any],
    *,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    **settings: Any,
) -> Search:
    """Returns the settings of a search for a function that builds a model from KerasTuner hyperparameters.

    The function is called several times to find all hyperparameters, including those that it declares only for some
    values of others, as in a loop over layers. Calls that raise an exception are ignored if others succeed.
    Hyperparameters named `epochs` and `batch_size` replace the arguments.

    Args:
        build: Function that takes `keras_tuner.HyperParameters` and returns a compiled model.
        data: Mapping from "train" and "validation" to a dataset or a tuple `(x, y)` or `(x, y, sample_weight)`.
        epochs: Number of epochs of each trial.
        batch_size: Number of examples per step.
        seed: Random seed of the search, of initial weights and of shuffling.
        **settings: Other arguments of `Search`, such as `trials`, `tuner` and `objective`.

    Raises:
        ValueError: If `build` does not return a compiled model, or if a hyperparameter is not supported.
        Exception: The first exception that `build` raises, if no call succeeds, if the exception is a
            `keras_tuner.errors.FatalError`, or if `on_error` is "stop" and it is not a `FailedTrialError`.

    Example:
        >>> import tempfile, keras, numpy as np
        >>> import tensorsmith.tuning as tune
        >>> def build(hp):
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     model.compile(keras.optimizers.SGD(hp.Float("learning_rate", 1e-3, 1.0, sampling="log")), "mse")
        ...     return model
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> data = {"train": (x, 3 * x), "validation": (x, 3 * x)}
        >>> search = tune.search_from_build(build, data, epochs=2, trials=3)
        >>> tuner = tune.Tuner(search, tempfile.mkdtemp())
        >>> tuner.search()
        >>> model = tuner.get_best_models(1)[0]
        >>> len(tuner.results())
        3
    """
    found = _hyperparameters(build, FailedTrialError if settings.get("on_error") == "stop" else Exception)
    space = {name: _as_range(known) for name, known in found.items()}
    fixed = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    check(
        "seed" not in space, "build", Verbatim("a hyperparameter `seed`"), "a function without a hyperparameter `seed`"
    )
    fields = [
        (name, Any, dataclasses.field(default=found[name].default, metadata={KEY: known}))
        for name, known in space.items()
    ]
    fields += [(name, Any, dataclasses.field(default=value)) for name, value in fixed.items() if name not in space]
    config_class = dataclasses.make_dataclass("Config", fields, frozen=True)

    def build_trainer(config: Any) -> Trainer:
        hp = keras_tuner.HyperParameters()
        hp.values = {name: getattr(config, name) for name in space}
        return Trainer(_built(build, hp))

    @functools.cache
    def declared(*values: tuple[str, Any]) -> list[str]:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        try:
            _built(build, hp)
        except Exception as error:
            if isinstance(error, FatalError):
                raise
            return [name for name, _ in values]  # the trial fails; the hyperparameters that follow are unknown
        return [known.name for known in hp.space if hp.is_active(known)]

    recipe = SupervisedRecipe(config_class=config_class, build_data=lambda config: data, build_trainer=build_trainer)
    return Search(recipe, config_class(), space, used=lambda values: declared(*values.items()), **settings)


def _hyperparameters(build: Build, ignored: type[Exception]) -> dict[str, kinds.HyperParameter]:
    """Returns all hyperparameters that a function declares for some values of the others.

    Exceptions of the type `ignored` are raised only if all calls of the function raise exceptions.
    """
    found: dict[str, kinds.HyperParameter] = {}
    pending: list[dict[str, Any]] = [{}]
    errors: list[Exception] = []
    succeeded = False
    while pending:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(pending.pop())
        try:
            model = build(hp)
        except FatalError:
            raise
        except ignored as error:
            errors.append(error)
        else:
            _check_compiled(model)
            succeeded = True
        for known in hp.space:
            if known.name in found or isinstance(known, kinds.Fixed):
                continue
            found[known.name] = known
            values = list(known.values)
            probes = values if len(values) <= 10 and not isinstance(known, kinds.Float) else [values[0], values[-1]]
            pending += [{**hp.values, known.name: value} for value in probes if value != known.default]
    if errors and not succeeded:
        raise errors[0]
    return found


def _built(build: Build, hp: keras_tuner.HyperParameters) -> keras.Model:
    """Returns the model that a function builds, after checking that it is compiled."""
    model = build(hp)
    _check_compiled(model)
    return model


def _check_compiled(model: Any) -> None:
    fits = isinstance(model, keras.Model) and model.compiled
    check(fits, "build", Verbatim(f"a function that returns {model!r}"), "a function that returns a compiled model")


def _as_range(known: kinds.HyperParameter) -> Range:
    """Returns the search range of a hyperparameter of KerasTuner."""
    name = known.name
    check(name.isidentifier(), "build", Verbatim(f"a hyperparameter {name!r}"), "a function with names of variables")
    when = {condition.name: list(condition.values) for condition in known.conditions}
    if isinstance(known, kinds.Boolean | kinds.Choice):
        return Choice(tuple(known.values), when=when)
    sampling = getattr(known, "sampling", None)
    if sampling not in (None, "linear", "log"):
        received = Verbatim(f"the hyperparameter {name} with sampling {sampling!r}")
        raise argument_error("build", received, "a function whose hyperparameters use linear or log sampling")
    if known.step is not None and not isinstance(known, kinds.Int):
        return Choice(tuple(known.values), when=when)
    kind = Int if isinstance(known, kinds.Int) else Float
    steps = {"step": known.step if sampling == "log" or known.step != 1 else None} if kind is Int else {}
    return kind(known.min_value, known.max_value, log=sampling == "log", when=when, **steps)
