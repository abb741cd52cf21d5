"""Settings of a run that all supervised recipes share: checkpoints, early stopping, precision and callbacks."""

import contextlib
import dataclasses
import importlib
import inspect
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import (
    ArgumentError,
    Duration,
    ExpectedError,
    argument_error,
    check,
    did_you_mean,
    is_integer,
    load_tensorflow,
    printable,
)
from tensorsmith.recipes.callback_source import check_source
from tensorsmith.recipes.field_types import to_flow_yaml
from tensorsmith.recipes.trust import check_paths, map_paths, untrusted_folders
from tensorsmith.runs import best_direction

if TYPE_CHECKING:
    import keras

    from tensorsmith.recipes.run_folder import RunFolder
    from tensorsmith.training import Checkpoints

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Settings of a run that all supervised recipes share.

    In configuration files, they are written next to the fields of the recipe.

    Attributes:
        checkpoint_every: Interval between checkpoints, such as "1 minute", "2 epochs" or "10%".
        checkpoint_keep: Number of latest checkpoints to keep.
        early_stopping: Number of epochs without a better score after which training stops. The weights of the best
            epoch are then restored. The score is the metric `save_best` or else the loss, on the validation data if
            there are any. If `None`, all epochs are trained.
        save_best: Name of the metric in `history.csv` whose best epoch is saved to `best.keras`, or `None`.
        precision: Dtype policy of the layers: float32, mixed_bfloat16 or mixed_float16. If `None`, the policy of the
            recipe or of the Keras configuration is used.
        callbacks: Keras callbacks, each given by its import path or by a mapping with the keys `class_path` and
            `init_args`. Their paths of files are relative to the run folder.

    Raises:
        ValueError: If a setting is invalid.
    """

    checkpoint_every: str | int = "1 minute"  # interval between checkpoints, such as "2 epochs" or "10%"
    checkpoint_keep: int = 2  # number of latest checkpoints to keep
    early_stopping: int | None = None  # stop after this number of epochs without a better score, and restore the best
    save_best: str | None = None  # metric whose best epoch is saved to best.keras, and which early stopping watches
    precision: str | None = None  # dtype policy: float32, mixed_bfloat16 or mixed_float16
    callbacks: tuple[str | Mapping[str, Any], ...] = ()  # Keras callbacks, in configuration files only

    def __post_init__(self) -> None:
        Duration.parse(self.checkpoint_every, "checkpoint_every")
        keep, patience, metric, precision = self.checkpoint_keep, self.early_stopping, self.save_best, self.precision
        check(is_integer(keep) and keep >= 1, "checkpoint_keep", keep, ">= 1")
        waits = patience is None or (is_integer(patience) and patience >= 1)
        check(waits, "early_stopping", patience, "a number of epochs >= 1")
        known = metric is None or bool(isinstance(metric, str) and best_direction(metric))
        expected = "a metric whose name shows whether larger values are better, such as val_loss or val_accuracy"
        check(known, "save_best", metric, expected)
        guess = did_you_mean(str(precision), PRECISIONS)
        check(precision in (None, *PRECISIONS), "precision", precision, f"one of {', '.join(PRECISIONS)}", guess)
        for given in self.callbacks:
            _class_and_arguments(given)

    def check_callbacks(self, folder: Path, trust: bool = False, config: Path | None = None) -> None:
        """Raise an error if a callback cannot be imported or is not trusted. The callbacks are not created.

        Args:
            folder: Run folder.
            trust: If `True`, callbacks may write files outside of the run folder, and their modules are imported
                without an examination of their source.
            config: Configuration file that names the callbacks, or `None`.

        Raises:
            ValueError: If a callback is not a Keras callback or is not trusted.
        """
        for path, arguments in map(_class_and_arguments, self.callbacks):
            if not trust:
                check_paths(arguments, folder, path)
                check_source(path, untrusted_folders(folder, config))
            load_tensorflow()
            _callback_class(path)

    def changed(self) -> dict[str, Any]:
        """Return a dict of the settings that differ from the defaults."""
        pairs = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        return {name: value for name, (value, default) in pairs.items() if value != default}

    def to_yaml(self) -> str:
        """Return the settings that differ from the defaults as YAML, one per line."""
        return "".join(f"{name}: {to_flow_yaml(value)}\n" for name, value in self.changed().items())

    def checkpoints(self, folder: "RunFolder") -> "Checkpoints":
        """Return the settings of the checkpoints in a run folder."""
        from tensorsmith.training import Checkpoints

        return Checkpoints(folder.checkpoints, every=self.checkpoint_every, keep_last=self.checkpoint_keep)

    def make_callbacks(self, folder: "RunFolder", validates: bool) -> "list[keras.callbacks.Callback]":
        """Return the callbacks for early stopping and for the best model, and the callbacks of the configuration.

        Args:
            folder: Run folder, to which the best model is written.
            validates: If `True`, there are validation data.

        Raises:
            ValueError: If a callback cannot be imported or created.
        """
        import keras

        from tensorsmith.training import AtBest

        made = [_make_callback(given, folder.path) for given in self.callbacks]
        monitor = self.save_best or ("val_loss" if validates else "loss")
        if self.save_best or self.early_stopping:
            made.append(_known_metric(monitor, "--save-best" if self.save_best else "--early-stopping"))
        if self.save_best:
            mode = best_direction(monitor) or "min"
            made.append(AtBest(monitor, lambda moment: folder.write_model(moment.model, "best.keras"), mode))
        if self.early_stopping:
            stop = keras.callbacks.EarlyStopping(
                monitor, patience=self.early_stopping, mode=best_direction(monitor), restore_best_weights=True
            )
            made.append(stop)
        return made

    @contextlib.contextmanager
    def errors_of(self, callbacks: "Sequence[keras.callbacks.Callback]") -> Iterator[None]:
        """Context manager in which the errors of callbacks of the configuration name the callback.

        Args:
            callbacks: Callbacks that `make_callbacks` has returned.

        Raises:
            ArgumentError: If one of these callbacks raises an unexpected error.
        """
        import keras

        filters = keras.config.is_traceback_filtering_enabled()
        if self.callbacks:
            keras.config.disable_traceback_filtering()  # which removes the calls of callbacks from tracebacks
        try:
            yield
        except (ArgumentError, ExpectedError, OSError):
            raise
        except Exception as error:
            if failure := _failure(error, zip(self.callbacks, callbacks, strict=False)):
                raise ArgumentError(failure) from error
            raise
        finally:
            if filters:
                keras.config.enable_traceback_filtering()


# Names of the settings of a run, which configuration files contain next to the fields of a recipe.
RUN_SETTINGS = tuple(field.name for field in dataclasses.fields(RunSettings))


def _class_and_arguments(given: Any) -> tuple[str, dict[str, Any]]:
    """Return the import path and the arguments of a callback in a configuration."""
    if isinstance(given, str):
        given = {"class_path": given}
    fits = isinstance(given, Mapping) and {"class_path"} <= given.keys() <= {"class_path", "init_args"}
    fits = fits and isinstance(given.get("init_args"), Mapping | None)
    remedy = "write `class_path: keras.callbacks.CSVLogger` and `init_args: {filename: log.csv}`"
    check(fits, "callbacks", given, "import paths, or mappings with the keys class_path and init_args", remedy)
    return str(given["class_path"]), dict(given.get("init_args") or {})


def _callback_class(path: str) -> "type[keras.callbacks.Callback]":
    """Return the class with an import path, after checking that it is a Keras callback."""
    import keras

    module, _, name = path.rpartition(".")
    try:
        made = getattr(importlib.import_module(module or "builtins"), name)
    except Exception as error:
        reason = f"check the path, and install its package: {error}"
        raise argument_error("callbacks", path, "the import path of a Keras callback", reason) from error
    subclass = inspect.isclass(made) and issubclass(made, keras.callbacks.Callback)
    check(subclass, "callbacks", path, "the import path of a Keras callback")
    callback_class: type[keras.callbacks.Callback] = made
    return callback_class


def _make_callback(given: str | Mapping[str, Any], folder: Path) -> "keras.callbacks.Callback":
    path, arguments = _class_and_arguments(given)
    made = _callback_class(path)
    arguments = map_paths(lambda _, file: str(folder / file), arguments)
    try:
        callback = made(**arguments)
    except Exception as error:
        raise ArgumentError(f"The callback {path} could not be created: {error}") from error
    return callback


def _failure(error: Exception, callbacks: "Iterable[tuple[Any, keras.callbacks.Callback]]") -> str:
    """Return a message that names the callback that has raised an error, or an empty string if none of them has.

    Args:
        error: Error whose traceback contains a variable with the callback if this has failed or could not be called.
        callbacks: Pairs of the configuration of a callback and the callback.
    """
    for given, callback in callbacks:
        lines = [
            f"{frame.f_code.co_filename}, line {line}"
            for frame, line in traceback.walk_tb(error.__traceback__)
            if any(value is callback for value in frame.f_locals.values())
        ]
        if lines:
            path, _ = _class_and_arguments(given)
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            return printable(f"The callback {path} failed at {lines[-1]}: {reason}")
    return ""


def _known_metric(metric: str, option: str) -> "keras.callbacks.Callback":
    """Return a callback that raises an error if a metric is not logged at the end of an epoch."""
    import keras

    class Known(keras.callbacks.Callback):
        """Callback that checks the name of the monitored metric."""

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            logs = logs or {}
            remedy = did_you_mean(metric, logs) or "pass --save-best METRIC"
            check(metric in logs, option, metric, f"one of the metrics {', '.join(sorted(logs))}", remedy)

    return Known()
