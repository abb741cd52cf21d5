"""Where ranges are declared, and what is refused."""

import dataclasses
import subprocess
import sys

import pytest
import yaml

import tensorsmith.tuning as tune
from tensorsmith.core import ArgumentError
from tensorsmith.tuning.space import check_conditions, in_order
from tensorsmith.tuning.space_file import as_lines

SPACE = """
learning_rate: {log_uniform: [1e-4, 1e-1]}
rate: {uniform: [0, 0.5], when: {units: [[30], [100, 50]]}}
layers: {integer: [0, 3]}
batch_size: {integer: [16, 256], step: 2, log: true}
units: {choice: [[30], [100, 50]]}
"""


def test_a_field_stays_its_default():
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
    assert config.learning_rate == pytest.approx(1e-3)  # halfway in orders of magnitude
    assert list(tune.declared(Config)) == ["units", "rate", "learning_rate", "layers", "batch_size"]


def test_neither_tensorflow_nor_keras_tuner_is_imported():
    code = "import sys, tensorsmith.tuning; print({'tensorflow', 'keras', 'keras_tuner'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_late_names():
    assert tune.Tuner.__name__ == "Tuner"
    with pytest.raises(AttributeError, match="no attribute 'Tunre'"):
        _ = tune.Tunre


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tune.uniform(1.0, 0.0), "`low`: received 1.0, expected 0.0, which is `high`, or less"),
        (lambda: tune.uniform(0.0, float("inf")), "`high`: received inf, expected a number"),
        (lambda: tune.log_uniform(0.0, 1.0), "`low`: received 0.0, expected a number above 0"),
        (lambda: tune.integer(0.5, 3), "`low`: received 0.5, expected a whole number"),
        (lambda: tune.integer(1, True), "`high`: received True, expected a whole number"),
        (lambda: tune.integer(0, 9, log=True), "`low`: received 0, expected a whole number above 0"),
        (lambda: tune.integer(1, 9, step=1, log=True), "`step`: received 1, expected a whole number of 2 or more"),
        (lambda: tune.integer(1, 9, step=0), "`step`: received 0"),
        (lambda: tune.choice([]), r"`options`: received \(\), expected one or more"),
        (lambda: tune.choice(["a", "a"]), "`options`.*different ones"),
        (lambda: tune.log_uniform(1e-4, 1e-2, default=0.1), r"`default`: received 0.1, expected a value of log_unif"),
        (lambda: tune.choice(["sgd"], default="adam"), "`default`: received 'adam', expected a value of choice"),
    ],
)
def test_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_file():
    space = tune.parse_space(yaml.safe_load(SPACE))
    assert space["learning_rate"] == tune.Real(1e-4, 1e-1, log=True)  # YAML reads 1e-4 as a text
    assert space["batch_size"] == tune.Whole(16, 256, step=2, log=True)
    assert space["units"] == tune.Choice(((30,), (100, 50)))
    assert space["rate"].when == {"units": ((30,), (100, 50))}
    check_conditions(space)


def test_file_and_back():
    space = tune.parse_space(yaml.safe_load(SPACE))
    again = yaml.safe_load(yaml.safe_dump({name: as_lines(known) for name, known in space.items()}))
    assert tune.parse_space(again) == space


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a: 3", "`a`: received 3, expected a line such as"),
        ("a: {log_unifrom: [1, 2]}", "did you mean log_uniform?"),
        ("a: {uniform: [1, 2], integer: [1, 2]}", "expected one of uniform, log_uniform"),
        ("a: {uniform: [1, 2], steps: 3}", "`a.steps`: received 3, expected only uniform, when"),
        ("a: {integer: [1, 2, 3]}", "a: `integer`: received"),
        ("a: {integer: 3}", "`a.integer`: received 3, expected a list"),
        ("a: {uniform: [x, 2]}", "a: `low`: received 'x', expected a number"),
        ("a: {uniform: [2, 1]}", "a: `low`: received 2, expected 1"),
        ("a: {integer: [1, 2], log: maybe}", "a: `log`: received 'maybe', expected true or false"),
        ("a: {uniform: [1, 2], when: b}", "`a.when`: received 'b'"),
    ],
)
def test_file_refused(line, said):
    with pytest.raises(ArgumentError) as caught:
        tune.parse_space(yaml.safe_load(line))
    assert said in str(caught.value)


def test_all_mistakes_together():
    with pytest.raises(ArgumentError) as caught:
        tune.parse_space({"a": 1, "b": {"uniform": [2, 1]}})
    assert "`a`" in str(caught.value)
    assert "b: " in str(caught.value)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"optimiser": "sgd"}, "`momentum.when`: received 'optimiser'.*did you mean optimizer?"),
        ({"optimizer": "sdg"}, "`momentum.when`: received 'sdg', expected a value that optimizer may have"),
        ({"momentum": 0.5}, "`when`: received a circle of momentum"),
    ],
)
def test_conditions_refused(when, said):
    space = {"momentum": tune.Real(0.0, 1.0, when=when), "optimizer": tune.Choice(("sgd", "adam"))}
    with pytest.raises(ValueError, match=said):
        check_conditions(space)


def test_parents_come_first():
    a, b = tune.Choice((1, 2), when={"b": 3}), tune.Choice((3, 4), when={"c": 5})
    assert in_order({"a": a, "b": b, "c": tune.Choice((5,))}) == ["c", "b", "a"]
