"""Tests of the recipes for segmentation: pairs of images and masks, the rule for colors, and pixels near borders."""

import dataclasses
import functools
from types import SimpleNamespace

import numpy as np
import pytest

from tensorsmith.core import load_tensorflow
from tensorsmith.data.datasets import _load

load_tensorflow()


@pytest.fixture(scope="module", autouse=True)
def data_in_memory():
    """Reads each split of a data set once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_load, "load_split", functools.cache(_load.load_split))
        yield


@pytest.mark.parametrize("name", ["segmentation/land", "segmentation/compared"])
def test_masks_are_flipped_with_their_images(name, load_recipe):
    recipe = load_recipe(name)
    splits = recipe.load_splits("land_tiles")
    images, masks = splits["train"][0][::40], splits["train"][1]["masks"][::40]
    batches = list(recipe.build_data(dataclasses.replace(recipe.Config(), every=40))["train"])
    flipped, moved = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True))
    assert len(flipped) == len(images) == 10
    used, changed = set(), 0
    for image, mask in zip(flipped, moved, strict=True):
        number = int(np.abs(images.mean(axis=(1, 2)) - image.mean(axis=(0, 1))).sum(axis=1).argmin())
        used.add(number)
        axes = [
            axes for axes in ((), (0,), (1,), (0, 1)) if np.allclose(np.flip(images[number], axes), image, atol=1e-5)
        ]
        assert axes
        assert any((np.flip(masks[number], each) == mask).all() for each in axes)
        changed += () not in axes
    assert len(used) == 10
    assert changed >= 4


def test_rule_for_colors(load_recipe, tmp_path):
    """Three quarters of the image are blue, of which one quarter is land in the mask, and a quarter is white ice."""
    recipe = load_recipe("segmentation/land")
    images = np.full((2, 128, 128, 3), (0.1, 0.2, 0.6), "float32")
    images[:, 64:, 64:] = 0.9
    masks = np.zeros((2, 128, 128), "uint8")
    masks[:, :, 64:] = 1
    trainer = SimpleNamespace(predict=lambda each: np.eye(3)[masks[: len(each)]])
    data = {"test": (images, masks)}
    scores = recipe.report(recipe.Config(), SimpleNamespace(folder=tmp_path), trainer, data)["test"]
    np.testing.assert_allclose(scores["rule_accuracy"], 0.75)
    np.testing.assert_allclose(scores["rule_iou"], ((2 / 3) + (1 / 2)) / 2, rtol=1e-6)
    assert (tmp_path / "masks.png").exists()


def test_shore_matches_loops_over_pixels(load_recipe):
    recipe = load_recipe("segmentation/compared")
    rng = np.random.default_rng(0)
    masks = np.kron(rng.integers(0, 3, (2, 3, 4)), np.ones((9, 8), int)).astype("uint8")
    found = recipe.shore(masks, distance=2)
    for image, y, x in np.ndindex(masks.shape):
        near = masks[image, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        assert found[image, y, x] == (near != masks[image, y, x]).any()
    assert 0.1 < found.mean() < 0.9


@pytest.mark.parametrize("network", ["fcn_32", "fcn_16", "fcn_8", "unet"])
def test_networks_predict_each_pixel(network, load_recipe):
    recipe = load_recipe("segmentation/compared")
    assert recipe.VARIANTS[network] == {"network": network}
    model = recipe.build_model(recipe.Config(network=network, width=0.125, units=8))
    assert model.output.shape == (None, 128, 128, 3)
    used = {layer.name for layer in model.layers if layer.name.startswith("scores_")}
    finest = {"fcn_32": {32}, "fcn_16": {32, 16}, "fcn_8": {32, 16, 8}, "unet": set()}[network]
    assert used == {f"scores_{stride}" for stride in finest}
