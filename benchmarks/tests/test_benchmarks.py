"""Tests of interleaved measurements and of the equivalence of the providers."""

from pathlib import Path

from tensorsmith.benchmarks import Benchmark, components, loop, measure


class Counting:
    """Contender with known measurements."""

    def __init__(self, provider):
        self.values = iter({"one": [4.0, 1.0, 2.0, 3.0, 5.0], "two": [10.0] * 5}[provider])

    def first(self):
        return 0.25

    def turn(self):
        return next(self.values)


def prepare(case, provider):
    print("chatter on standard output does not disturb")
    return Counting(provider)


BENCHMARK = Benchmark(
    cases=["any"],
    providers=lambda case: {"one": True, "two": True},
    prepare=prepare,
    unit=lambda case: "things",
    lower_is_better=False,
    targets=lambda case: {},
)


def test_measure_summary_statistics(tmp_path, monkeypatch):
    (tmp_path / "counting.py").write_text(Path(__file__).read_text())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    one, two = measure("counting", "any", ["one", "two"], rounds=5)
    assert (one.median, one.turns, one.first_step_seconds) == (3.0, 5, 0.25)
    assert (one.p20, one.p80) == (1.8, 4.2)  # linear interpolation between order statistics
    assert (two.case, two.provider, two.unit, two.median) == ("any", "two", "things", 10.0)


def test_component_providers_agree():
    """Providers that run in the same process compute the same result."""
    for case in ("kendall", "mean_average_precision"):
        values = [components.CASES[case].work(name)() for name in ("tensorsmith", *components.CASES[case].others)]
        values = [getattr(value, "statistic", value) for value in values]
        assert abs(values[0] - values[1]) < 1e-6


def test_model_parameter_counts():
    """The Keras models have the number of parameters computed by hand."""
    for name, parameters in {
        "mlp_32": 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10,
        "mlp_wide": 784 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10,
        "cnn_32": 9 * 32 + 32 + 9 * 32 * 64 + 64 + 64 * 49 * 64 + 64 + 64 * 10 + 10,
        "transformer_32": 4 * (64 * 64 + 64) + 2 * 64 * 256 + 256 + 64 + 4 * 64 + 64 * 10 + 10,
        "lstm_32": 4 * (20 * (1 + 20) + 20) + 4 * (20 * (20 + 20) + 20) + 20 + 1,
    }.items():
        model, _ = loop._keras_model(name)
        assert model.count_params() == parameters
