"""`tensorsmith bench`: every provider that is here gets a row, in the table and in the file."""

import json
from pathlib import Path

import pytest

from tensorsmith.tools.bench import components, loop
from tensorsmith.tools.bench.turns import measure


class Counting:
    """A contender whose measurements are known."""

    def __init__(self, provider):
        self.values = iter({"one": [4.0, 1.0, 2.0, 3.0, 5.0], "two": [10.0] * 5}[provider])

    def first(self):
        return 0.25

    def turn(self):
        return next(self.values)


def prepare(case, provider):
    print("chatter on standard output does not disturb")
    return Counting(provider)


def test_measure_takes_turns_and_summarises(tmp_path, monkeypatch):
    (tmp_path / "counting.py").write_text(Path(__file__).read_text())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one, two = measure("counting", "any", ["one", "two"], rounds=5, unit="things")
    assert (one.median, one.turns, one.first_step_seconds) == (3.0, 5, 0.25)
    assert (one.p20, one.p80) == (1.8, 4.2)  # linear between the order statistics
    assert (two.case, two.provider, two.unit, two.median) == ("any", "two", "things", 10.0)


@pytest.mark.slow
def test_loop_bench_end_to_end(tensorsmith, tmp_path):
    result = tensorsmith("bench", "loop", "--cases", "mlp_32", "--rounds", "2", "--json", tmp_path / "rows.json")
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    here = [name for name, there in loop.providers("mlp_32").items() if there]
    assert [row["provider"] for row in rows] == here
    assert all(row["unit"] == "steps/s" and 0 < row["p20"] <= row["median"] <= row["p80"] for row in rows)
    assert all(name in result.stdout for name in here)


@pytest.mark.slow  # takes seconds
def test_components_bench_end_to_end(tensorsmith):
    result = tensorsmith("bench", "components", "--cases", "kendall", "--rounds", "2")
    assert result.returncode == 0, result.stderr
    assert [name in result.stdout for name in ("tensorsmith", "scipy", "2 x")] == [True] * 3


def test_component_cases_are_the_same_work():
    """Where two providers run in one process, they give the same number."""
    for case in ("kendall", "mean_average_precision"):
        values = [components.CASES[case].work(name)() for name in ("tensorsmith", *components.CASES[case].others)]
        values = [getattr(value, "statistic", value) for value in values]
        assert abs(values[0] - values[1]) < 1e-6


def test_providers_train_the_same_model():
    """Parameters of the Keras model, counted by hand from the case's layers."""
    for name, parameters in {
        "mlp_32": 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10,
        "mlp_wide": 784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10,
        "cnn_32": 9 * 32 + 32 + 9 * 32 * 64 + 64 + 64 * 49 * 64 + 64 + 64 * 10 + 10,
        "transformer_32": 4 * (64 * 64 + 64) + 2 * 64 * 256 + 256 + 64 + 4 * 64 + 64 * 10 + 10,
        "lstm_32": 4 * (20 * (1 + 20) + 20) + 4 * (20 * (20 + 20) + 20) + 20 + 1,
    }.items():
        model, _ = loop._keras_model(name)
        assert model.count_params() == parameters
