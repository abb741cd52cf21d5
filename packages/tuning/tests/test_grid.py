"""Tests of grid search: each combination is tried once, also if the search is interrupted."""

import dataclasses
import itertools

import numpy as np
import pytest

import tensorsmith.tuning as tune
from tensorsmith.tuning.grid import grid, points


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (tune.Choice(((30,), (100, 50))), [(30,), (100, 50)]),
        (tune.Int(2, 5), [2, 3, 4, 5]),
        (tune.Int(1, 8, step=3), [1, 4, 7]),
        (tune.Int(16, 100, log=True), [16, 32, 64]),
        (tune.Int(1, 30, step=3, log=True), [1, 3, 9, 27]),
        (tune.Float(0.0, 1.0), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (tune.Float(1e-4, 1.0, log=True), [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
    ],
)
def test_points(known, expected):
    assert points(known) == pytest.approx(expected) if isinstance(known, tune.Float) else points(known) == expected


def test_conditions():
    """Tests that a hyperparameter takes part only with the values of its condition."""
    space = {
        "momentum": tune.Float(0.0, 1.0, when={"optimizer": "sgd"}),
        "optimizer": tune.Choice(("sgd", "adam")),
        "units": tune.Int(1, 2),
    }
    expected = [{"optimizer": "sgd", "units": n, "momentum": m} for n in (1, 2) for m in (0.0, 0.25, 0.5, 0.75, 1.0)]
    expected += [{"optimizer": "adam", "units": n} for n in (1, 2)]
    found = list(grid(space))
    assert sorted(map(str, map(sorted_items, found))) == sorted(map(str, map(sorted_items, expected)))


def sorted_items(values):
    return sorted(values.items())


class StopError(Exception):
    """Simulates a kill after a trial."""


@pytest.mark.slow
def test_search_tries_each_combination_once(trained, tmp_path):
    space = {"learning_rate": tune.Choice((0.01, 0.1)), "batch_size": tune.Int(8, 32, log=True)}
    search = tune.Search(trained, trained.config_class(epochs=1), space, tuner="grid", trials=50)

    class Stopped(tune.Tuner):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if len(self.results()) == 2:
                raise StopError

    with pytest.raises(StopError):
        Stopped(search, tmp_path).search()
    tuner = tune.Tuner(search, tmp_path)
    tuner.search()
    drawn = sorted(tuple(result.drawn.values()) for result in tuner.results().values())
    assert drawn == sorted(itertools.product((0.01, 0.1), (8, 16, 32)))
    assert all(np.isfinite(result.score) for result in tuner.results().values())


def test_number_of_trials_is_a_limit(trained, tmp_path):
    space = {"learning_rate": tune.Float(0.01, 0.1)}
    search = tune.Search(trained, trained.config_class(epochs=1), space, tuner="grid", trials=2)
    tune.Tuner(search, tmp_path).search()
    more = tune.Tuner(dataclasses.replace(search, trials=3), tmp_path)
    more.search()
    rates = sorted(result.drawn["learning_rate"] for result in more.results().values())
    assert rates == pytest.approx([0.01, 0.0325, 0.055])
