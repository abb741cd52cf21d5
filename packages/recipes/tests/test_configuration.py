"""Tests of configurations: lists on the command line, and errors of values."""

from dataclasses import dataclass
from typing import Literal

import pytest

from tensorsmith.recipes import find_recipe, from_flags, resolve
from tensorsmith.recipes.field_types import closest_choice, describe


@pytest.mark.parametrize(
    ("words", "units"),
    [
        (["--units", "128", "64"], (128, 64)),
        (["--units", "128,64"], (128, 64)),
        (["--units", "[128,64]"], (128, 64)),
        (["--units", "[128, 64]"], (128, 64)),
        (["--units=128,64"], (128, 64)),
        (["--units", "128"], (128,)),
    ],
)
def test_lists(words, units):
    config = resolve(find_recipe("mlp/digits"), from_flags([*words, "--epochs", "3"]))
    assert (config.units, config.epochs) == (units, 3)


def test_negative_numbers_are_values():
    assert from_flags(["--low", "-1", "--range", "-1", "2.5"]) == {"low": -1, "range": [-1, 2.5]}


@dataclass
class Other:
    size: int = 1


@pytest.mark.parametrize(
    ("kind", "description"),
    [
        (int | None, "an integer, or null"),
        (list[float], "a list of values that are each a number"),
        (tuple, "a list"),
        (Literal["sgd"], "sgd"),
        (Other, "a value of type Other"),
    ],
)
def test_descriptions(kind, description):
    assert describe(kind) == description


def test_closest_choice():
    assert closest_choice(int | Literal["cosine", "constant"], "cosin") == "Did you mean cosine?"
    assert closest_choice(int, "cosin") == ""
