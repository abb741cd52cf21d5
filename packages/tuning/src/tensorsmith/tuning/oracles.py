"""Keras-tuner oracles (search algorithms) for searches that can be interrupted and resumed."""

import contextlib
import io
import json
import logging
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from tensorsmith.core import read_text, replace_file
from tensorsmith.core.keras_internals import overrides_private
from tensorsmith.tuning._internals import bracket, project_folder, set_oracle_random_state, trial_folder
from tensorsmith.tuning.grid import grid
from tensorsmith.tuning.hyperparameters import as_drawn, as_hyperparameters
from tensorsmith.tuning.search import Search

log = logging.getLogger("tensorsmith.tuning")

NUMBER = re.compile("[0-9]{1,9}")
STATUSES = {
    TrialStatus.RUNNING,
    TrialStatus.IDLE,
    TrialStatus.INVALID,
    TrialStatus.STOPPED,
    TrialStatus.COMPLETED,
    TrialStatus.FAILED,
}
LIVES = 3  # number of lost workers after which a trial fails


class _Safe(keras_tuner.Oracle):
    """Base class for oracles of searches that can be interrupted and resumed.

    State files are replaced atomically, whereas keras-tuner writes them in place, and a kill could truncate them. If
    all trials are assigned, a worker is asked to wait instead of to stop, because a trial may be returned by a worker
    that died.
    """

    _dismissed = False  # `True` once a worker has been asked to stop

    @property
    def all_dismissed(self) -> bool:
        """`True` if all trials are completed and all running workers have been asked to stop."""
        return self._dismissed and not self.tuner_ids and not self.ongoing_trials

    def save(self) -> None:
        """Saves the oracle state, excluding the trials, which have their own files."""
        with replace_file(project_folder(self) / "oracle.json") as draft:
            draft.write_text(json.dumps(self.get_state()))

    @overrides_private("_save_trial", "keras-tuner writes the files of trials in place")
    def _save_trial(self, trial: Trial) -> None:
        with replace_file(trial_folder(self, trial.trial_id) / "trial.json") as draft:
            draft.write_text(json.dumps(trial.get_state()))

    def reload(self) -> None:
        """Loads the oracle state of a search that may have been interrupted at any time.

        Raises:
            ValueError: If the files of the search contradict each other: with unknown IDs of trials, keras-tuner
                would for example try to draw the same trial forever.
        """
        folder = project_folder(self)
        state = json.loads(read_text(folder / "oracle.json"))
        started = state["start_order"]
        _check_ids(state)
        _check_space(state["hyperparameters"], self.hyperparameters.get_config())
        for path in folder.glob("trial_*/trial.json"):
            if path.parent.name.removeprefix("trial_") not in started:  # not yet started; will be drawn again
                path.unlink()
            else:
                _check_trial(path)
        super().reload()
        # Restores the start order: the order of folders would change the rounding of sums in the Gaussian process.
        trials = dict(self.trials)
        self.trials.clear()
        self.trials.update((name, trials[name]) for name in started)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial, or a placeholder whose status makes the worker wait or stop."""
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.STOPPED and self.ongoing_trials:
            trial.status = TrialStatus.IDLE
            self.tuner_ids.add(tuner_id)
        self._dismissed = self._dismissed or trial.status == TrialStatus.STOPPED
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial: Trial) -> None:
        """Records the result of a completed trial."""
        super().end_trial(trial)
        self.save()  # again, because the first save still lists the trial as running

    @keras_tuner.synchronized
    def give_up(self, tuner_id: str) -> str | None:
        """Requeues the trial of a dead worker. Returns the trial ID, or `None` if the worker had no trial."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.get(tuner_id)
        if trial is None:
            return None
        trial.status, trial.message = TrialStatus.INVALID, f"lost {tuner_id}"
        with contextlib.redirect_stdout(io.StringIO()):  # the call prints to standard output
            self.end_trial(trial)
        return str(trial.trial_id)


def _check_ids(state: Mapping[str, Any]) -> None:
    """Raises an error if an oracle state contains the ID of a trial that is not in the list of trials."""
    started = state["start_order"]
    numbers = [int(name) if NUMBER.fullmatch(name) else -1 for name in started]
    if numbers != list(range(len(started))):
        raise ValueError(f"the IDs of trials are not 0, 1, 2 ...: {started}")
    rounds = [info for bracket in state.get("brackets", []) for infos in bracket["rounds"] for info in infos]
    known = {*state["ongoing_trials"].values(), *state["end_order"], *state["retry_queue"], *state["run_times"]}
    known |= {name for info in rounds for name in (info["id"], info["past_id"]) if name is not None}
    if unknown := known - set(started):
        raise ValueError(f"unknown trials: {sorted(unknown)}")


def _check_space(stored: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Raises an error if the hyperparameters of a search are not those of its settings."""
    names = [{each["config"]["name"] for each in config["space"]} for config in (stored, current)]
    ranges = [
        {each["config"]["name"]: [each["config"].get(key) for key in ("min_value", "max_value")] for each in space}
        for space in (stored["space"], current["space"])
    ]
    if not names[1] <= names[0] or any(ranges[0][name] != ranges[1][name] for name in names[1]):
        raise ValueError("the search space differs from that of search.yaml")


def _check_trial(path: Path) -> None:
    """Raises an error if the file of a trial has another ID than its folder, or values of other types than usual."""
    state = json.loads(read_text(path))
    score, status = state["score"], state["status"]
    valid = state["trial_id"] == path.parent.name.removeprefix("trial_")
    if not valid or status not in STATUSES or not (score is None or isinstance(score, int | float)):
        raise ValueError(f"{path} is damaged")


class _Random(_Safe, RandomSearchOracle):
    """Oracle for random search over the entire search space."""


class _Grid(_Safe):
    """Oracle for grid search, which tries each combination of values once, in a fixed order."""

    def __init__(self, search: Search, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._search = search

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the hyperparameter values of the next trial, or the status that the grid is exhausted."""
        space = self._search.space
        chosen = next(islice(grid(space, self._search.used), len(self.start_order), None), None)
        if chosen is None:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": as_drawn(space, chosen, self.hyperparameters)}


class _Hyperband(_Safe, HyperbandOracle):
    """Hyperband oracle, which trains many configurations for a few epochs, and the best ones for more epochs."""


class _Bayesian(_Safe, BayesianOptimizationOracle):
    """Oracle for Bayesian optimization with a Gaussian process model of the score."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Samples the hyperparameter values of the next trial. Interruptions do not affect the sampled values."""
        # The random state is not part of the saved state.
        set_oracle_random_state(self, np.random.RandomState(self.seed + len(self.trials)))
        values: dict[str, Any] = super().populate_space(trial_id)
        return values


def make_oracle(search: Search) -> keras_tuner.Oracle:
    """Returns the oracle for the settings of a search."""
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(search.objective, search.best),
        "hyperparameters": as_hyperparameters(search.space),
        # keras-tuner increments the seed for each draw, so nearby seeds would overlap, and treats 0 as no seed.
        "seed": int(np.random.SeedSequence(search.config.seed).generate_state(1)[0] >> 2) + 1,
        "max_retries_per_trial": LIVES - 1,
        "max_consecutive_failed_trials": None,  # many may diverge; the tuner counts those that fail at the same line
        "allow_new_entries": False,
        "tune_new_entries": False,
    }
    if search.tuner == "hyperband":
        # Repeats brackets until the number of trials is reached.
        oracle = _Hyperband(max_epochs=search.config.epochs, hyperband_iterations=None, **common)
        oracle.max_trials = search.trials
    elif search.tuner == "grid":
        oracle = _Grid(search, max_trials=search.trials, **common)
    else:
        oracle = (_Random if search.tuner == "random" else _Bayesian)(max_trials=search.trials, **common)
    oracle.verbose = 0
    return oracle


def warn_without_promotions(search: Search, oracle: keras_tuner.Oracle) -> None:
    """Logs a warning if a hyperband search is too short to train any configuration for more epochs."""
    if search.tuner != "hyperband":
        return
    (trials, epochs), *later = bracket(oracle)
    if not later:
        log.warning(
            "Hyperband promotes no configuration: it needs at least 3 epochs per trial, and the search has %d.", epochs
        )
    elif search.trials <= trials:
        log.warning(
            "Hyperband promotes no configuration: the search has %d trials, and the first %d are trained for only %d "
            "of %d epochs. Use at least %d trials, or %d to complete the first bracket.",
            search.trials,
            trials,
            epochs,
            search.config.epochs,
            trials + 1,
            trials + sum(size for size, _ in later),
        )
