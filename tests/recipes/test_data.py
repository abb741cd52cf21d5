"""Tests of the recipes of the family `data`: contents of TFRecord files, and preprocessing in several places."""

import sys

import numpy as np
import pytest

from tensorsmith.core import load_tensorflow
from tensorsmith.data import load
from tensorsmith.recipes import find_recipe, resolve

load_tensorflow()
import keras  # noqa: E402


def module_of(name):
    """Returns the module of a recipe, whose functions are not part of the recipe itself."""
    return sys.modules[type(config_of(name)).__module__]


def config_of(name, **fields):
    file = find_recipe(name)
    return file.recipe.configure(resolve(file, fields))


@pytest.mark.parametrize("split", ["validation", pytest.param("test", marks=pytest.mark.slow)])
def test_shards_contain_all_images_in_order(split):
    recipe = module_of("data/fashion_tfrecord")
    batches = recipe.dataset(config_of("data/fashion_tfrecord", batch_size=1000), split)
    images, labels = (np.concatenate(parts) for parts in zip(*batches.as_numpy_iterator(), strict=True))
    original = load("fashion_mnist", split=split)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(np.divide(images, 255, dtype="float32"), original.features)
    np.testing.assert_array_equal(labels, original.labels)


def test_training_shards_are_read_in_random_order():
    recipe = module_of("data/fashion_tfrecord")
    config = config_of("data/fashion_tfrecord", batch_size=5000, seed=1)
    assert [len(files) for files in recipe.record_files(config.shards).values()] == [10, 10, 10]
    labels = np.concatenate([batch[1] for batch in recipe.build_data(config, {})["train"].as_numpy_iterator()])
    original = load("fashion_mnist").labels
    assert not np.array_equal(labels, original)
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(original))


@pytest.mark.slow
@pytest.mark.parametrize("statistics", ["shared", "pixel"])
def test_the_first_layer_standardizes_the_images(statistics):
    recipe = module_of("data/fashion_tfrecord")
    config = config_of("data/fashion_tfrecord", statistics=statistics)
    model = recipe.build_model(config, recipe.prepare(config, None))
    images = 255 * load("fashion_mnist").features.astype("float64")
    axis = 0 if statistics == "pixel" else None
    mean, deviation = images.mean(axis=axis), images.std(axis=axis)
    standardized = model.layers[0](np.round(images[:100]).astype("uint8"))
    np.testing.assert_allclose(standardized, (images[:100] - mean) / deviation, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def reference():
    """Losses of the preprocessing in the input pipeline."""
    return losses("pipeline")


def losses(where):
    recipe = module_of("data/preprocessing")
    config = config_of("data/preprocessing", where=where, batch_size=512)
    keras.utils.set_random_seed(0)
    prepared = recipe.prepare(config, None)
    data, trainer = recipe.build_data(config, prepared), recipe.build_trainer(config, prepared)
    history = trainer.fit(data["train"], epochs=1, validation_data=data["validation"], verbose=False).history
    return [*history["loss"], *history["val_loss"]]


@pytest.mark.parametrize(
    "where", ["model", *(pytest.param(where, marks=pytest.mark.slow) for where in ("files", "serial_pipeline"))]
)
def test_preprocessing_is_equivalent_in_all_places(reference, where):
    np.testing.assert_allclose(losses(where), reference, rtol=1e-5)


def test_a_cached_pipeline_has_the_same_batches_in_another_order(reference):
    recipe = module_of("data/preprocessing")
    config = config_of("data/preprocessing", where="cached_pipeline", batch_size=512)
    train = recipe.build_data(config, recipe.prepare(config, None))["train"]
    first, second = ([float(batch[0].numpy().sum()) for batch in train] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


def test_vectors_match_those_of_pandas():
    """Tests the numbers, which are the first columns of a vector, and the sum of each one-hot vector."""
    recipe = module_of("data/preprocessing")
    part = load("adult", split="train")
    config = config_of("data/preprocessing", batch_size=256)
    spec = recipe.prepare(config, None)["spec"]
    batch = next(iter(recipe.read(config, recipe.raw_records("train"), shuffle=False)))
    vectors = spec.encoder(spec.preprocessing(batch))
    numbers = {name: column for name, column in part.features.items() if column.dtype.kind == "f"}
    standardized = np.stack([(c[:256] - c.mean()) / c.std() for c in numbers.values()], axis=1)
    vectors = np.asarray(vectors)
    found = [np.isclose(vectors, column[:, None], atol=1e-4).all(axis=0).any() for column in standardized.T]
    assert found == [True] * 6
    assert (np.isclose(vectors, 1) | np.isclose(vectors, 0)).sum(axis=1).min() >= vectors.shape[1] - 6


def test_changed_columns_are_written_again(tmp_path, monkeypatch):
    recipe = module_of("data/preprocessing")
    monkeypatch.setattr("tensorsmith.data.fetch", lambda name: tmp_path)
    columns = [[0.5, 1.5], [0.5, 1.5], [0.5, 2.5]]
    folders = [recipe.write("prepared", "train", {"number": np.array(column, "float32")}) for column in columns]
    assert folders[0] == folders[1]
    config = config_of("data/preprocessing", batch_size=2)
    for folder, column in zip(folders, columns, strict=True):
        (batch,) = recipe.read(config, folder, shuffle=False)
        np.testing.assert_array_equal(batch["number"], column)
