"""Keras-tuner trial loop that trains with `Trainer`."""

import contextlib
import dataclasses
import gc
import io
import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import keras
import keras_tuner
import tensorflow as tf
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from tensorsmith.core import check, is_number, replace_file
from tensorsmith.core.keras_internals import overrides_private
from tensorsmith.runs import SECONDS_TO_WAIT
from tensorsmith.tuning._internals import is_worker, run_and_update_trial
from tensorsmith.tuning.failures import describe, repeated_failure, stops_search
from tensorsmith.tuning.hyperparameters import as_fields, is_value, with_fields
from tensorsmith.tuning.oracles import LIVES, NUMBER, make_oracle, warn_without_promotions
from tensorsmith.tuning.search import Search
from tensorsmith.tuning.trial import RESULT, Result, damaged, read_result, train
from tensorsmith.tuning.workers import Beat, Oversight, end_without_launcher, serve, wait_for_chief

SECONDS_BETWEEN_REQUESTS = 0.25  # of a worker
STATE = "tuner0.json"  # file without which keras-tuner ignores the trials of a folder


class TrialTable(Protocol):
    """Interface of displays that show the progress of a search."""

    def begin(self, trial: str, drawn: Mapping[str, Any]) -> None:
        """Called when a trial starts."""

    def update(self, trial: str, epoch: int, logs: Mapping[str, Any]) -> None:
        """Called at the end of each epoch of a trial."""

    def end(self, trial: str, result: Result) -> None:
        """Called when a trial ends."""


class Tuner(BaseTuner):
    """Runs the trials of a search, and stores them in a folder from which the search can be resumed.

    Each trial is trained by `Trainer.fit` with its own checkpoints: a search that is stopped or killed resumes inside
    the trial, and ends with the same trials and scores as an uninterrupted search. The tuners of keras-tuner can read
    the folder as well.

    In several processes with the environment variables of keras-tuner (`KERASTUNER_TUNER_ID`, `KERASTUNER_ORACLE_IP`,
    `KERASTUNER_ORACLE_PORT`), it acts as the chief, which assigns trials, or as a worker. All processes share the
    folder.

    Args:
        search: Settings of the hyperparameter search.
        folder: Folder for all files of the search. It is created if it does not exist.
        table: Progress display to update, or `None` for no display.
        timeout: Maximum time in seconds for which a worker waits for the chief, and the chief for the first worker.

    Raises:
        TimeoutError: If this process is a worker, and the chief cannot be reached within `timeout` seconds.

    Example:
        >>> import dataclasses, tempfile, types
        >>> import keras, numpy as np
        >>> import tensorsmith.tuning as tune
        >>> from tensorsmith.runs import SupervisedRecipe
        >>> from tensorsmith.training import Trainer
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config:
        ...     learning_rate: float = tune.log_uniform(1e-3, 1.0, default=0.01)
        ...     epochs: int = 2
        ...     batch_size: int = 16
        ...     seed: int = 0
        >>> def build_data(config):
        ...     x = np.linspace(-1, 1, 64)[:, None]
        ...     return {"train": (x, 3 * x), "validation": (x, 3 * x)}
        >>> def build_trainer(config):
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     return Trainer(model, keras.optimizers.SGD(config.learning_rate), "mse", jit=False)
        >>> recipe = SupervisedRecipe(config_class=Config, build_data=build_data, build_trainer=build_trainer)
        >>> search = tune.Search(recipe, Config(), tune.declared(Config), trials=3)
        >>> tuner = tune.Tuner(search, tempfile.mkdtemp())
        >>> tuner.search()
        >>> best, *others = tuner.results().values()
        >>> all(best.score < other.score for other in others)
        True
    """

    def __init__(
        self,
        search: Search,
        folder: str | os.PathLike[str],
        table: TrialTable | None = None,
        timeout: float = SECONDS_TO_WAIT,
    ) -> None:
        check(is_number(timeout) and timeout > 0, "timeout", timeout, "a positive number of seconds")
        self.plan = search
        self.table = table
        self._timeout = timeout
        self._waiting = False
        self._begun: set[str] = set()  # IDs of the trials that the table shows
        self._beat: Beat | None = None
        path = Path(folder).resolve()
        path.mkdir(parents=True, exist_ok=True)
        oracle = make_oracle(search)
        wait_for_chief(timeout)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the path of the file that it finds
            super().__init__(oracle, directory=str(path.parent), project_name=path.name)
        if not self.is_worker and (path / "oracle.json").exists():
            self.reload()
        self._shown = set(self.results())

    @property
    def is_chief(self) -> bool:
        """`True` if this process (the chief) assigns trials to workers."""
        return "KERASTUNER_ORACLE_IP" in os.environ and not self.is_worker

    @property
    def is_worker(self) -> bool:
        """`True` if this process is a worker that runs trials assigned by another process."""
        return is_worker(self)

    @property
    def folder(self) -> Path:
        """Folder that contains all files of the search."""
        return Path(self.project_dir)

    def save(self) -> None:
        """Saves the oracle state, from which the search can be resumed."""
        if not self.is_worker:
            self.oracle.save()
            with replace_file(self.folder / STATE) as draft:
                draft.write_text("{}")

    def reload(self) -> None:
        """Loads the oracle state and the trials from the folder."""
        if self.is_worker:
            return
        try:
            self.oracle.reload()
            for trial in self.oracle.trials.values():
                as_fields(self.plan.space, trial.hyperparameters)
        except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, RecursionError) as error:
            raise damaged(self.folder / "oracle.json") from error

    def search(self) -> None:
        """Runs trials until the requested number of trials is completed.

        Raises:
            SearchError: If the objective is not logged, if there are fewer examples than folds, or if three consecutive
                trials fail at the same line of the recipe.
            TimeoutError: If this process is the chief, and no worker asks for a trial in time.
            keras_tuner.errors.FatalError: If the recipe raises this error.
        """
        if not self.is_worker:
            warn_without_promotions(self.plan, self.oracle)
        logger = tf.get_logger()
        logger.addFilter(_is_no_advice)
        try:
            if self.is_chief:
                tasks = [end_without_launcher, Oversight(self.folder, self.oracle).look, self._show]
                serve(super().search, self.oracle, tasks, self._timeout)
                self.keep_best()
            else:
                super().search()
        finally:
            logger.removeFilter(_is_no_advice)
            if self._beat is not None:
                self._beat.stop()

    def on_search_begin(self) -> None:
        """Saves the state at the start, so that the search can be resumed."""
        if self.is_worker:
            self._beat = Beat(self.folder, self.tuner_id)
        self.save()

    def pre_create_trial(self) -> None:
        """Pauses if the oracle has asked the worker to wait."""
        if self._waiting:
            time.sleep(SECONDS_BETWEEN_REQUESTS)
        self._waiting = True

    def on_trial_begin(self, trial: Trial) -> None:
        """Shows the trial in the table."""
        self._waiting = False
        if self.table is not None:
            self.table.begin(trial.trial_id, self._drawn(trial))

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Trains one configuration and returns its score.

        Raises:
            FailedTrialError: If the configuration cannot be trained.
            Exception: If an error stops the search.
        """
        drawn = self._drawn(trial)
        folder = Path(self.get_trial_dir(trial.trial_id))
        done = read_result(folder)
        if done is not None and done.score is not None:  # killed before the oracle was notified
            return {self.plan.objective: done.score}
        (folder / RESULT).unlink(missing_ok=True)
        # Schedules and early stopping depend on the number of epochs of a hyperband trial, as in a run of the recipe.
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        values = drawn if epochs is None else {**drawn, "epochs": epochs}

        def watch(epoch: int, logs: Mapping[str, Any]) -> None:
            if self.table is not None:
                self.table.update(trial.trial_id, epoch, logs)

        try:
            result = train(self.plan, dataclasses.replace(self.plan.config, **values), folder, watch)
        except Exception as error:
            if stops_search(self.plan, error):
                raise
            config = dataclasses.asdict(self.plan.config) | values
            message, where, traceback = describe(error)
            Result(config, drawn, error=message, where=where, traceback=traceback).write(folder)
            raise FailedTrialError(message) from error
        finally:
            gc.collect()  # models and their compiled loops contain reference cycles
        dataclasses.replace(result, drawn=drawn).write(folder)
        return {self.plan.objective: result.score or 0.0}

    def on_trial_end(self, trial: Trial) -> None:
        """Reports the trial to the oracle, shows its score, and removes files that are no longer needed."""
        super().on_trial_end(trial)
        result = read_result(Path(self.get_trial_dir(trial.trial_id)))
        if self.table is not None and result is not None:
            self.table.end(trial.trial_id, result)
        self.keep_best()

    def on_search_end(self) -> None:
        """Removes the files of trials that are no longer needed."""
        self.keep_best()

    def results(self) -> dict[str, Result]:
        """Returns a dict that maps trial IDs to results of completed trials, best first and failed trials last.

        Raises:
            UnreadableFileError: If the file of a result is damaged, or belongs to another search.
        """
        results = results_in(self.folder, self.plan.best)
        fields = {field.name for field in dataclasses.fields(self.plan.config)}
        for name, result in results.items():
            known = all(
                key in self.plan.space and is_value(self.plan.space[key], result.drawn[key]) for key in result.drawn
            )
            if not known or result.config.keys() != fields:
                raise damaged(self.folder / f"trial_{name}" / RESULT)
        return results

    def keep_best(self) -> None:
        """Removes the checkpoints of completed trials, and all models except the best one."""
        for rank, name in enumerate(self.results()):
            folder = self.folder / f"trial_{name}"
            if rank >= self.plan.keep_best:
                (folder / "model.keras").unlink(missing_ok=True)
            for position in (folder / "checkpoints", *folder.glob("fold_*")):
                shutil.rmtree(position, ignore_errors=True)

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """Returns the hyperparameters of the best trials, with the values that the trials received."""
        best = super().get_best_hyperparameters(num_trials)
        return [with_fields(self.plan.space, drawn) for drawn in best]

    def load_model(self, trial: Trial) -> keras.Model:
        """Returns the model of one of the best trials, with the weights of its best epoch."""
        return keras.models.load_model(Path(self.get_trial_dir(trial.trial_id)) / "model.keras")

    @overrides_private("_try_run_and_update_trial", "keras-tuner treats all errors as failures of the trial")
    def _try_run_and_update_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs a trial. Errors that stop the search are raised."""
        try:
            run_and_update_trial(self, trial)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)
            results = self.results()
            repeated = repeated_failure([results[name] for name in sorted(results, key=int)])
            if repeated is not None:
                raise repeated from error

    def _drawn(self, trial: Trial) -> dict[str, Any]:
        """Returns the sampled values of the hyperparameters that matter in a trial."""
        values = as_fields(self.plan.space, trial.hyperparameters)
        used = values if self.plan.used is None else self.plan.used(values)
        return {name: value for name, value in values.items() if name in used}

    def _show(self) -> None:
        """Updates the table to show the trials that workers have started or completed."""
        if self.table is None:
            return
        for name, trial in list(self.oracle.trials.items()):
            folder = self.folder / f"trial_{name}"
            result = read_result(folder)
            if result is None and trial.status == TrialStatus.FAILED:
                drawn = self._drawn(trial)
                config = dataclasses.asdict(self.plan.config) | drawn
                result = Result(config, drawn, error=f"lost its worker {LIVES} times")
                result.write(folder)
            if result is not None and trial.status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                if name not in self._shown:
                    self.table.end(name, result)
                    self._shown.add(name)
            elif name not in self._begun:
                self._begun.add(name)
                self.table.begin(name, self._drawn(trial))


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Logging filter that discards retracing warnings, which are expected because each trial builds a new model."""
    return "triggered tf.function retracing" not in record.getMessage()


def results_in(folder: Path, best: str) -> dict[str, Result]:
    """Returns a dict that maps trial IDs to results in a search folder, best first and failed trials last.

    Args:
        folder: Folder that contains the files of the hyperparameter search.
        best: "min" if smaller values of the objective are better, or "max" if larger values are better.

    Raises:
        UnreadableFileError: If the name of a folder is not that of a trial, or the file of a result is damaged.
    """
    folders = sorted(path.parent for path in folder.glob(f"trial_*/{RESULT}"))
    for path in folders:
        if not NUMBER.fullmatch(path.name.removeprefix("trial_")):
            raise damaged(path)
    found = {path.name.removeprefix("trial_"): read_result(path) for path in folders}
    results = {name: result for name, result in found.items() if result is not None}

    def rank(name: str) -> tuple[bool, float]:
        score = results[name].score
        return score is None, (score or 0.0) * (1 if best == "min" else -1)

    return {name: results[name] for name in sorted(results, key=rank)}
