"""Tests of draws by keras-tuner from search spaces."""

import keras_tuner
import numpy as np
import pytest
import scipy.stats

import tensorsmith.tuning as tune
from tensorsmith.tuning.hyperparameters import as_drawn, as_fields, as_hyperparameters
from tensorsmith.tuning.oracles import make_oracle

SPACE = {
    "momentum": tune.Float(0.0, 0.99, when={"optimizer": "sgd"}),
    "optimizer": tune.Choice(("sgd", "adam")),
    "learning_rate": tune.Float(1e-4, 1e-1, log=True),
    "units": tune.Choice(((30,), (100, 50))),
    "second_rate": tune.Float(0.0, 0.5, when={"units": ((100, 50),), "norm": True}),
    "norm": tune.Choice((True, False)),
    "layers": tune.Int(0, 3),
    "batch_size": tune.Int(16, 256, step=2, log=True),
    "epochs": tune.Int(5, 50, log=True),
    "patience": tune.Int(2, 10, step=4),
    "l2": tune.Choice((0, 0.1, None)),
}


@pytest.fixture(scope="module")
def draws():
    def draw(fixed):
        oracle = make_oracle(search(fixed))
        values = (oracle.populate_space(str(number))["values"] for number in range(400))
        trials = []
        for each in values:
            drawn = as_hyperparameters(SPACE)
            drawn.values = each
            trials.append(as_fields(SPACE, drawn))
        return trials

    def search(fixed):
        from dataclasses import make_dataclass

        names = [(name, object, None) for name in SPACE]
        config = make_dataclass("Config", [*names, ("seed", int, 0)], frozen=True)(seed=fixed)
        return tune.Search(None, config, SPACE, trials=1000)

    return draw(0), draw(1)


def test_samples_are_in_range(draws):
    for trial in draws[0]:
        assert all(trial[name] in SPACE[name] for name in trial)
    assert {trial["layers"] for trial in draws[0]} == {0, 1, 2, 3}
    assert {trial["batch_size"] for trial in draws[0]} == {16, 32, 64, 128, 256}
    assert {trial["patience"] for trial in draws[0]} == {2, 6, 10}
    assert {trial["units"] for trial in draws[0]} == {(30,), (100, 50)}
    assert {trial["norm"] for trial in draws[0]} == {True, False}
    assert {trial["l2"] for trial in draws[0]} == {0, 0.1, None}


def test_conditions_hold(draws):
    for trial in draws[0]:
        assert ("momentum" in trial) == (trial["optimizer"] == "sgd")
        assert ("second_rate" in trial) == (trial["units"] == (100, 50) and trial["norm"] is True)


def test_workers_receive_the_sampled_values(draws):
    """Tests that the messages between processes preserve all values, and that inactive ones remain inactive."""
    space = SPACE | {"nesterov": tune.Choice((True, False), when={"optimizer": "adam"})}
    for trial in draws[0][:50]:
        drawn = as_hyperparameters(space)
        drawn.values = as_drawn(space, trial, drawn)
        received = keras_tuner.HyperParameters.from_proto(drawn.to_proto())
        assert repr(as_fields(space, received)) == repr(as_fields(space, drawn)) == repr(trial)


def test_distributions(draws):
    rates = np.log10([trial["learning_rate"] for trial in draws[0]])
    assert scipy.stats.kstest(rates, scipy.stats.uniform(-4, 3).cdf).pvalue > 0.001
    momenta = [trial["momentum"] for trial in draws[0] if "momentum" in trial]
    assert scipy.stats.kstest(momenta, scipy.stats.uniform(0, 0.99).cdf).pvalue > 0.001


def test_seeds(draws):
    """Tests that consecutive seeds give different draws."""
    first, second = ([trial["learning_rate"] for trial in trials] for trials in draws)
    assert not set(first) & set(second)


def test_samples_do_not_exceed_maximum():
    """Tests that a draw does not exceed the maximum because of rounding in keras-tuner."""
    space = {"epochs": SPACE["epochs"]}
    drawn = as_hyperparameters(space)
    drawn.values = {"epochs": drawn.space[0].prob_to_value(1.0)}
    assert as_fields(space, drawn) == {"epochs": 50}
