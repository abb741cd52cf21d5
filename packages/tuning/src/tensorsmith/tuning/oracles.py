"""keras-tuner's oracles, which decide what is tried next, made safe to kill and to wait for."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from tensorsmith.core import replace_file
from tensorsmith.tuning.hyperparameters import as_hyperparameters
from tensorsmith.tuning.search import Search

LIVES = 3  # how many workers a trial may lose before it counts as failed


class _Safe(keras_tuner.Oracle):
    """What all oracles have besides.

    Files are replaced whole: keras-tuner's own are written in place, and a kill would leave half of one. Whoever asks
    for a trial when all are given out is told to wait, not to stop, as one may come back from a worker that died.
    """

    _dismissed = False  # whether somebody has been told to stop

    @property
    def all_dismissed(self) -> bool:
        """Whether everything is done, and every worker that is still there knows."""
        return self._dismissed and not self.tuner_ids and not self.ongoing_trials

    def save(self) -> None:
        """Writes all but the trials, which have files of their own."""
        with replace_file(Path(self._project_dir) / "oracle.json") as draft:
            draft.write_text(json.dumps(self.get_state()))

    def _save_trial(self, trial: Trial) -> None:
        with replace_file(Path(self._get_trial_dir(trial.trial_id)) / "trial.json") as draft:
            draft.write_text(json.dumps(trial.get_state()))

    def reload(self) -> None:
        """Goes on where a search ended, in whatever moment."""
        folder = Path(self._project_dir)
        started = json.loads((folder / "oracle.json").read_text())["start_order"]
        for path in folder.glob("trial_*/trial.json"):
            if path.parent.name.removeprefix("trial_") not in started:  # it will be drawn again
                path.unlink()
        super().reload()
        # In the order of folders they would give a Gaussian process other sums.
        trials = dict(self.trials)
        self.trials.clear()
        self.trials.update((name, trials[name]) for name in started)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """The next trial, or one with the status to wait or to stop."""
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.STOPPED and self.ongoing_trials:
            trial.status = TrialStatus.IDLE
            self.tuner_ids.add(tuner_id)
        self._dismissed = self._dismissed or trial.status == TrialStatus.STOPPED
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial: Trial) -> None:
        """Takes note of how a trial has ended."""
        super().end_trial(trial)
        self.save()  # once more, as the trial still counted as under way

    @keras_tuner.synchronized
    def give_up(self, tuner_id: str) -> str | None:
        """Takes the trial of a worker that is gone back, for the next who asks; returns its name, if it had one."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.get(tuner_id)
        if trial is None:
            return None
        trial.status, trial.message = TrialStatus.INVALID, f"{tuner_id} is gone"
        with contextlib.redirect_stdout(io.StringIO()):  # it prints
            self.end_trial(trial)
        return str(trial.trial_id)


class _Random(_Safe, RandomSearchOracle):
    """Draws from the whole space."""


class _Hyperband(_Safe, HyperbandOracle):
    """Trains many for few epochs and goes on with the best."""


class _Bayesian(_Safe, BayesianOptimizationOracle):
    """Models the score with a Gaussian process."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Draws the next values, the same whether or not the search was stopped before."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))  # which its saved state leaves out
        values: dict[str, Any] = super().populate_space(trial_id)
        return values


def make_oracle(search: Search) -> keras_tuner.Oracle:
    """The oracle of a search."""
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(search.objective, search.best),
        "hyperparameters": as_hyperparameters(search.space),
        # It counts seeds up from draw to draw, so that those of neighbours would overlap, and takes 0 for none.
        "seed": int(np.random.SeedSequence(search.config.seed).generate_state(1)[0] >> 2) + 1,
        "max_retries_per_trial": LIVES - 1,
        "max_consecutive_failed_trials": None,  # a space may well hold many that diverge
        "allow_new_entries": False,
        "tune_new_entries": False,
    }
    if search.tuner == "hyperband":
        # Bracket after bracket, until there are as many trials as wanted.
        oracle = _Hyperband(max_epochs=search.config.epochs, hyperband_iterations=None, **common)
        oracle.max_trials = search.trials
    else:
        oracle = (_Random if search.tuner == "random" else _Bayesian)(max_trials=search.trials, **common)
    oracle.verbose = 0
    return oracle
