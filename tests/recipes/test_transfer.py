"""Tests of the recipes of transfer learning on photographs."""

import numpy as np
import pytest

from tensorsmith.core import load_tensorflow

load_tensorflow()


@pytest.mark.parametrize("name", ["transfer/photos", "transfer/photos_compared"])
def test_cross_validation_with_class_weights(name, load_recipe):
    """The test sets of the seeds 0 to 4 are disjoint, and all classes have equal total weights."""
    recipe = load_recipe(name)
    labels = np.arange(200, dtype=np.int32) ** 2 % 8  # classes of different frequency
    labels[:40] = np.arange(40) % 8
    numbers = np.arange(200.0)
    prepared = {"features": numbers, "inputs": numbers, "labels": labels}
    folds = [recipe.build_data(recipe.Config(seed=seed), prepared) for seed in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate([data["test"][0] for data in folds])), numbers)
    for data in folds:
        parts = [data[split][0] for split in ("train", "validation", "test")]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), numbers)
        _, classes, weights = data["train"]
        np.testing.assert_allclose(np.bincount(classes, weights), np.full(8, len(classes) / 8), rtol=1e-6)
        np.testing.assert_array_equal(labels[data["test"][0].astype(int)], data["test"][1])
