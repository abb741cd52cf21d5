"""Tests of the recipes of convolutional networks: cross-validation and generated clips."""

import numpy as np
import pytest
from scipy import ndimage

from tensorsmith.models import model_budget


def rows(images):
    """Return the set of the contents of images."""
    return {image.tobytes() for image in np.asarray(images)}


@pytest.mark.parametrize("name", [pytest.param("cnn/lenet5", marks=pytest.mark.slow), "cnn/mnist_5k"])
def test_cross_validation(name, load_recipe):
    """The test sets of the seeds 0 to 4 are disjoint and contain all digits, and no image is in two splits."""
    recipe = load_recipe(name)
    changes = {"augmentation": "none"} if name == "cnn/mnist_5k" else {}
    folds = [recipe.build_data(recipe.Config(seed=seed, **changes)) for seed in range(5)]
    tests = [rows(data["test"][0]) for data in folds]
    assert sum(map(len, tests)) == len(set().union(*tests)) == 5000
    validation = rows(folds[0]["validation"][0])
    assert len(validation) == 500
    assert not validation & tests[0]
    np.testing.assert_array_equal(np.bincount(folds[0]["test"][1]), [100] * 10)
    if changes:
        train = rows(np.concatenate([images for images, _ in folds[0]["train"]]))
        assert len(train) == 3500
        assert not train & (validation | tests[0])


def test_directions_of_clips(load_recipe):
    """The center of mass moves in the direction of the label, by one pixel per frame."""
    recipe = load_recipe("cnn/video")
    clips, directions, _ = recipe.clips("test", 40)
    assert clips.shape == (40, 8, 44, 44, 1)
    for clip, direction in zip(clips, directions, strict=True):
        centers = np.array([ndimage.center_of_mass(frame[..., 0]) for frame in clip])
        np.testing.assert_allclose(np.diff(centers, axis=0), [recipe.DIRECTIONS[direction]] * 7, atol=1e-3)
    assert len(set(directions.tolist())) == 8


@pytest.mark.parametrize(
    "name",
    [
        "vgg",
        "vit",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("alexnet", "inception", "resnet", "se_resnet", "xception", "convnext")
        ),
    ],
)
def test_equal_multiplications(name, load_recipe):
    recipe = load_recipe("cnn/architectures")
    assert name in recipe.VARIANTS
    config = recipe.Config(architecture=name, multiplications=5e9, epochs=1, train_size=100, evaluation_size=10)
    images = sum(len(labels) for _, labels in recipe.build_data(config)["train"])
    found = images * model_budget(recipe.build_model(config)).multiplications
    assert found == pytest.approx(5e9, rel=0.05)
