"""Fixture for the tests of recipes."""

import sys

import pytest

from tensorsmith.recipes.catalog import find_recipe


@pytest.fixture
def load_recipe():
    """Function that returns the module of a recipe, given its name."""
    return lambda name: sys.modules[find_recipe(name).recipe.config_class.__module__]


@pytest.fixture(scope="module", autouse=True)
def figures_of_runs(empty_figures):
    """Runs do not draw their learning curves."""
