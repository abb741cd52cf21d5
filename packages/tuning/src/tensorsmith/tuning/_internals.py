"""Access to private attributes of keras-tuner. A test ensures that no other file reads them."""

from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial


def project_folder(oracle: keras_tuner.Oracle) -> Path:
    """Returns the folder of a search, after creating it if it does not exist.

    Tuners have the public attribute `project_dir`, but oracles do not. Checked with keras-tuner 1.4.8.
    """
    return Path(oracle._project_dir)


def trial_folder(oracle: keras_tuner.Oracle, trial_id: str) -> Path:
    """Returns the folder of a trial, after creating it if it does not exist.

    Tuners have the public method `get_trial_dir`, but oracles do not. Checked with keras-tuner 1.4.8.
    """
    return Path(oracle._get_trial_dir(trial_id))


def set_oracle_random_state(oracle: Any, state: np.random.RandomState) -> None:
    """Sets the random number generator of a `BayesianOptimizationOracle`.

    The public argument `seed` sets it only once, before the first trial. Checked with keras-tuner 1.4.8.
    """
    oracle._random_state = state


def is_worker(tuner: BaseTuner) -> bool:
    """Returns `True` if this process is a worker that runs trials assigned by another process.

    keras-tuner has no public method for this. Checked with keras-tuner 1.4.8.
    """
    return bool(tuner._is_worker())


def run_and_update_trial(tuner: BaseTuner, trial: Trial) -> None:
    """Runs a trial with `tuner.run_trial` and reports its scores to the oracle.

    The oracle already has the scores if the search was killed before the trial ended. Such a trial is not run again,
    because keras-tuner would warn that `run_trial` had reported the scores to the oracle itself.

    The only public method that does this is `search`, which also handles exceptions. Checked with keras-tuner 1.4.8.
    """
    if not tuner.oracle.get_trial(trial.trial_id).metrics.exists(tuner.oracle.objective.name):
        tuner._run_and_update_trial(trial)


def bracket(oracle: Any) -> list[tuple[int, int]]:
    """Returns the number of trials and of epochs in each round of the first bracket of a `HyperbandOracle`.

    keras-tuner has no public method for this. Checked with keras-tuner 1.4.8.
    """
    number = oracle._get_num_brackets() - 1
    rounds = range(oracle._get_num_rounds(number))
    return [(oracle._get_size(number, each), oracle._get_epochs(number, each)) for each in rounds]
