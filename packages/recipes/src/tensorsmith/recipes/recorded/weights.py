"""Recorded weights of a recipe, such as those of a classifier that other recipes use to measure their results."""

import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, check, replace_file
from tensorsmith.recipes.catalog import RecipeFile, find_recipe
from tensorsmith.recipes.recorded.results import read_results, results_path, write_results
from tensorsmith.recipes.single_training import preserved_random_state
from tensorsmith.runs import SupervisedRecipe

if TYPE_CHECKING:
    import keras

LARGEST = 500_000  # bytes of a file of weights, which is part of the repository


def record_weights(recipe: RecipeFile, path: Path) -> None:
    """Store the weights of a recipe next to its results, together with their hash.

    Args:
        recipe: Recipe.
        path: File of NumPy arrays in the order of the weights of the model.

    Raises:
        ValueError: If the file is too large.
    """
    size = path.stat().st_size
    check(size <= LARGEST, "weights", Verbatim(f"{path} of {size:,} bytes"), f"at most {LARGEST:,} bytes")
    weights_path(recipe).parent.mkdir(exist_ok=True)
    with replace_file(weights_path(recipe)) as draft:
        shutil.copyfile(path, draft)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_results(recipe, replace(read_results(recipe), weights=digest))


def recorded_model(name: str) -> "keras.Model":
    """Return the model of a recipe in its default configuration, with the recorded weights.

    Raises:
        ValueError: If no weights are recorded.
        UnreadableFileError: If the weights are not those that were recorded.
    """
    recipe = find_recipe(name)
    path, digest = weights_path(recipe), read_results(recipe).weights
    check(bool(digest) and path.is_file(), "recipe", name, "a recipe with recorded weights")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        received = Verbatim(f"{path}, whose content has changed")
        raise UnreadableFileError.like(argument_error("weights", received, "the recorded file", "restore the file"))
    module = recipe.recipe
    if not isinstance(module, SupervisedRecipe):
        raise argument_error("recipe", name, "a recipe that defines build_trainer")
    with preserved_random_state():
        model: keras.Model = module.build_trainer(module.config_class()).model
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        model.set_weights([arrays[key] for key in arrays.files])
    return model


def weights_path(recipe: RecipeFile) -> Path:
    """Return the path of the recorded weights of a recipe."""
    return results_path(recipe).with_suffix(".npz")
