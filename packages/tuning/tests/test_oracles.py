"""Tests of oracles with given scores: draws, and state after an interruption."""

import pytest
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus

from tensorsmith.tuning import Tuner
from tensorsmith.tuning.oracles import LIVES, make_oracle


@pytest.fixture
def oracle(fixed, tmp_path):
    """Returns a function that creates an oracle in the same folder, as a new process would."""

    def make(**more):
        made = make_oracle(fixed.search(**more))
        BaseTuner(made, directory=str(tmp_path), project_name="search")  # sets the folder of the oracle
        if (tmp_path / "search" / "oracle.json").exists():
            made.reload()
        return made

    return make


def end(oracle, trial, score, status=TrialStatus.COMPLETED):
    oracle.update_trial(trial.trial_id, {"val_loss": score})
    trial.status = status
    oracle.end_trial(trial)


def go_on(oracle, count):
    """Runs trials whose score is that of the drawn slope."""
    drawn = []
    for _ in range(count):
        trial = oracle.create_trial("worker")
        drawn.append(trial.hyperparameters.values["weight"])
        end(oracle, trial, (drawn[-1] - 3.0) ** 2)
    return drawn


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_samples_are_reproducible_after_kills(oracle, tuner, tmp_path):
    often = []
    for _ in range(5):
        made = oracle(tuner=tuner, trials=5)
        made.create_trial("worker")  # killed at this point
        often += go_on(oracle(tuner=tuner, trials=5), 1)
    for path in (tmp_path / "search").rglob("*.json"):
        path.unlink()
    assert go_on(oracle(tuner=tuner, trials=5), 5) == often


def test_bayesian_optimization_converges(oracle):
    weights = go_on(oracle(tuner="bayesian", trials=8), 8)
    distances = [abs(weight - 3.0) for weight in weights]
    assert min(distances[3:]) < min(distances[:3]) / 2  # the first three draws are random


def test_unlisted_trial_is_redrawn(oracle, tmp_path):
    """Tests an interruption after the file of the trial and before the list of trials was written."""
    first = oracle()
    first.save()
    before = (tmp_path / "search" / "oracle.json").read_text()
    drawn = first.create_trial("worker").hyperparameters.values
    (tmp_path / "search" / "oracle.json").write_text(before)
    again = oracle().create_trial("worker")
    assert again.trial_id == "00"
    assert again.hyperparameters.values == drawn


def test_worker_waits_for_running_trials(oracle):
    """Tests that a worker waits while a trial may be returned by another worker that dies."""
    made = oracle(trials=2)
    one, two = made.create_trial("a"), made.create_trial("b")
    end(made, one, 1.0)
    assert made.create_trial("a").status == TrialStatus.IDLE
    assert not made.all_dismissed
    assert made.give_up("b") == two.trial_id
    taken = made.create_trial("a")
    assert (taken.trial_id, taken.hyperparameters.values) == (two.trial_id, two.hyperparameters.values)
    end(made, taken, 2.0)
    assert made.create_trial("a").status == TrialStatus.STOPPED
    assert made.all_dismissed


def test_trial_fails_after_repeated_crashes(oracle):
    made = oracle(trials=1)
    for number in range(LIVES):
        assert made.create_trial(str(number)).status == TrialStatus.RUNNING
        made.give_up(str(number))
    assert made.create_trial("last").status == TrialStatus.STOPPED
    (trial,) = made.trials.values()
    assert trial.status == TrialStatus.FAILED


def test_give_up_without_trial(oracle):
    made = oracle(trials=1)
    assert made.give_up("nobody") is None


def test_seed_zero(fixed):
    seeds = {make_oracle(fixed.search()).seed for _ in range(3)}
    assert len(seeds) == 1


def test_search_killed_after_score(fixed, tmp_path, monkeypatch):
    """The oracle has stored the score of a trial that has not ended. The trial is not run again."""

    def killed(trial):
        raise KeyboardInterrupt

    search = fixed.search(trials=3)
    expected, tuner = Tuner(search, tmp_path / "expected"), Tuner(search, tmp_path / "killed")
    expected.search()
    monkeypatch.setattr(tuner.oracle, "end_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        tuner.search()
    resumed = Tuner(search, tmp_path / "killed")
    resumed.search()
    scores, again = ({name: run.score for name, run in each.results().items()} for each in (expected, resumed))
    assert again == scores
    assert {trial.status for trial in resumed.oracle.trials.values()} == {TrialStatus.COMPLETED}
