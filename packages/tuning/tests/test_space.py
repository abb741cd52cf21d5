"""Tests of search ranges and of their validation."""

import dataclasses
import subprocess
import sys

import pytest
import yaml

import tensorsmith.tuning as tune
from tensorsmith.core import ArgumentError
from tensorsmith.testing import raises_argument_error
from tensorsmith.tuning.space import check_conditions, in_order
from tensorsmith.tuning.space_file import as_lines

SPACE = """
learning_rate: {log_uniform: [1e-4, 1e-1]}
rate: {uniform: [0, 0.5], when: {units: [[30], [100, 50]]}}
layers: {integer: [0, 3]}
batch_size: {integer: [16, 256], step: 2, log: true}
units: {choice: [[30], [100, 50]]}
"""


def test_fields_have_default_values():
    @dataclasses.dataclass(frozen=True)
    class Config:
        units: tuple = tune.choice([(30,), (100, 50)], default=(100, 50))
        rate: float = tune.uniform(0.0, 1.0)
        learning_rate: float = tune.log_uniform(1e-4, 1e-2)
        layers: int = tune.integer(0, 3)
        batch_size: int = tune.integer(16, 256, step=2, log=True)
        epochs: int = 3

    config = Config()
    assert (config.units, config.rate, config.layers, config.batch_size) == ((100, 50), 0.5, 1, 16)
    assert config.learning_rate == pytest.approx(1e-3)  # geometric mean
    assert list(tune.declared(Config)) == ["units", "rate", "learning_rate", "layers", "batch_size"]


def test_import_is_lazy():
    code = "import sys, tensorsmith.tuning; print({'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_lazy_attributes():
    assert tune.Tuner.__name__ == "Tuner"
    with pytest.raises(AttributeError, match="no attribute 'Tunre'"):
        _ = tune.Tunre


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: tune.uniform(1.0, 0.0), {"name": "low", "received": "1.0", "expected": "<= `high` (0.0)"}),
        (lambda: tune.uniform(0.0, float("inf")), {"name": "high", "received": "inf", "expected": "a number"}),
        (
            lambda: tune.log_uniform(0.0, 1.0),
            {"name": "low", "received": "0.0", "expected": "a number > 0 on a logarithmic scale"},
        ),
        (lambda: tune.integer(0.5, 3), {"name": "low", "received": "0.5", "expected": "an integer"}),
        (lambda: tune.integer(1, True), {"name": "high", "received": "True", "expected": "an integer"}),
        (
            lambda: tune.integer(0, 9, log=True),
            {"name": "low", "received": "0", "expected": "an integer > 0 on a logarithmic scale"},
        ),
        (
            lambda: tune.integer(1, 9, step=1, log=True),
            {"name": "step", "received": "1", "expected": "an integer >= 2, or None"},
        ),
        (lambda: tune.integer(1, 9, step=0), {"name": "step", "received": "0"}),
        (lambda: tune.choice([]), {"name": "options", "received": "()"}),
        (lambda: tune.choice(["a", "a"]), {"name": "options", "expected": "contain distinct values"}),
        (
            lambda: tune.log_uniform(1e-4, 1e-2, default=0.1),
            {"name": "default", "received": "0.1", "expected": "a value from the range log_uniform"},
        ),
        (
            lambda: tune.choice(["sgd"], default="adam"),
            {"name": "default", "received": "'adam'", "expected": "a value from the range choice"},
        ),
    ],
)
def test_invalid_ranges(make, error):
    with raises_argument_error(**error):
        make()


def test_file():
    space = tune.parse_space(yaml.safe_load(SPACE))
    assert space["learning_rate"] == tune.Float(1e-4, 1e-1, log=True)  # YAML reads 1e-4 as a string
    assert space["batch_size"] == tune.Int(16, 256, step=2, log=True)
    assert space["units"] == tune.Choice(((30,), (100, 50)))
    assert space["rate"].when == {"units": ((30,), (100, 50))}
    check_conditions(space)


def test_parse_space_round_trip():
    space = tune.parse_space(yaml.safe_load(SPACE))
    again = yaml.safe_load(yaml.safe_dump({name: as_lines(known) for name, known in space.items()}))
    assert tune.parse_space(again) == space


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a: 3", "a must be a mapping such as"),
        ("a: {log_unifrom: [1, 2]}", "Did you mean log_uniform?"),
        (
            "a: {uniform: [1, 2], integer: [1, 2]}",
            "a must be a mapping with exactly one of the keys uniform",
        ),
        ("a: {uniform: [1, 2], steps: 3}", "a.steps must be omitted (a accepts only uniform, when), got 3"),
        ("a: {integer: [1, 2, 3]}", "a: integer must be a pair of bounds, got"),
        ("a: {integer: 3}", "a.integer must be a list, got 3"),
        ("a: {uniform: [x, 2]}", "a: low must be a number, got 'x'"),
        ("a: {uniform: [2, 1]}", "a: low must be <= `high` (1), got 2"),
        ("a: {integer: [1, 2], log: maybe}", "a: log must be true or false, got 'maybe'"),
        ("a: {uniform: [1, 2], when: b}", "a.when must be a mapping such as `{optimizer: sgd}`, got 'b'"),
    ],
)
def test_invalid_space_files(line, said):
    with pytest.raises(ArgumentError) as caught:
        tune.parse_space(yaml.safe_load(line))
    assert said in str(caught.value)


def test_errors_are_reported_together():
    with pytest.raises(ArgumentError) as caught:
        tune.parse_space({"a": 1, "b": {"uniform": [2, 1]}})
    assert "a must be" in str(caught.value)
    assert "b: " in str(caught.value)


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (
            {"optimiser": "sgd"},
            "momentum.when must .*got 'optimiser'.*Did you mean optimizer",
        ),
        (
            {"optimizer": "sdg"},
            "momentum.when must contain only possible values of optimizer, got 'sdg'",
        ),
        (
            {"momentum": 0.5},
            "when must not contain circular conditions, got a cycle of momentum",
        ),
    ],
)
def test_invalid_conditions(when, message):
    space = {"momentum": tune.Float(0.0, 1.0, when=when), "optimizer": tune.Choice(("sgd", "adam"))}
    with pytest.raises(ArgumentError, match=message):  # the message lists all mistakes
        check_conditions(space)


def test_parents_precede_children():
    a, b = tune.Choice((1, 2), when={"b": 3}), tune.Choice((3, 4), when={"c": 5})
    assert in_order({"a": a, "b": b, "c": tune.Choice((5,))}) == ["c", "b", "a"]
