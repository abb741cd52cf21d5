"""Tests of the recipes of autoencoders against published parameter counts and formulas."""

import keras
import numpy as np
import pytest


def test_tied_weights(load_recipe, tmp_path):
    """Tied weights halve the parameters, and remain tied in a file."""
    recipe = load_recipe("autoencoder/tied")
    assert recipe.build_model(recipe.Config(tied=False)).count_params() == 163_814  # Géron, 2019, chapter 17
    model = recipe.build_model(recipe.Config())
    assert model.count_params() == 82_414
    model.save(tmp_path / "tied.keras")
    loaded = keras.saving.load_model(tmp_path / "tied.keras")
    assert loaded.count_params() == 82_414
    images = np.random.default_rng(0).random((3, 28, 28), "float32")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_variational_networks(load_recipe):
    recipe = load_recipe("autoencoder/variational")
    model = recipe.build_model(recipe.Config())
    assert model.encoder.count_params() == 134_870  # Géron, 2019, chapter 17
    assert model.decoder.count_params() == 134_634


def test_drawn_pixels(load_recipe):
    """Pixels are 0 or 1, the same in each run, and white with the probability of their gray value."""
    recipe = load_recipe("autoencoder/variational")
    data = recipe.build_data(recipe.Config(train_size=2000, seed=0))
    again = recipe.build_data(recipe.Config(train_size=2000, seed=1))
    gray = load_recipe("autoencoder/stacked").build_data(load_recipe("autoencoder/stacked").Config())["test"][0]
    drawn = data["test"][0]
    np.testing.assert_array_equal(drawn, again["test"][0])
    assert set(np.unique(drawn)) == {0, 1}
    for low in (0.1, 0.5, 0.8):
        chosen = (gray > low) & (gray < low + 0.1)
        assert drawn[chosen].mean() == pytest.approx(gray[chosen].mean(), abs=0.01)


def test_sparsity_penalties(load_recipe):
    """The penalties are those of the formulas, divided by the batch size as Keras does."""
    recipe = load_recipe("autoencoder/sparse")
    images = np.random.default_rng(0).random((8, 28, 28), "float32")
    for penalty in ("squared", "kl"):
        model = recipe.build_model(recipe.Config(penalty=penalty, weight=2.0, target=0.1))
        assert model.count_params() == 218_084
        mean = model.get_layer("encoder").predict(images, verbose=0).astype("float64").mean(axis=0)
        kl = 0.1 * np.log(0.1 / mean) + 0.9 * np.log(0.9 / (1 - mean))
        expected = 2.0 * np.sum(kl if penalty == "kl" else (mean - 0.1) ** 2)
        model(images)
        assert float(sum(model.losses)) == pytest.approx(expected / 8, rel=1e-4)


def test_noise_is_added_in_training_only(load_recipe):
    recipe = load_recipe("autoencoder/denoising")
    images = np.random.default_rng(0).random((2, 28, 28), "float32")
    for noise in ("dropout", "gaussian"):
        model = recipe.build_model(recipe.Config(noise=noise))
        assert model.count_params() == 163_814
        clean = model.get_layer("decoder")(model.get_layer("encoder")(images))
        np.testing.assert_array_equal(model(images, training=False), clean)
        assert np.abs(np.asarray(model(images, training=True)) - clean).max() > 0.01
