"""Builders for TensorFlow Datasets, and `load(..., source="tfds")`."""

import builtins
import dataclasses
import sys
import time

import numpy as np
import pytest

from tensorsmith.data import DataNotFoundError, info, load, names
from tensorsmith.data import tfds as builders
from tensorsmith.data.tfds import BUILDERS, tfds
from tensorsmith.testing import raises_argument_error

# TFDS uses a deprecated protobuf property to detect repeated fields.
pytestmark = pytest.mark.filterwarnings("ignore:.*label\\(\\) is deprecated:DeprecationWarning")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A `data_dir` in which data sets are prepared once for all tests."""
    return tmp_path_factory.mktemp("tfds")


def examples(name, folder, split="test"):
    return list(tfds.as_numpy(tfds.load(f"tensorsmith_{name}", split=split, data_dir=folder)))


def test_builder_names():
    known = tfds.list_builders(with_community_datasets=False)
    assert {f"tensorsmith_{name}" for name in names()} == {name for name in known if name.startswith("tensorsmith_")}
    assert "fashion_mnist" in known


@pytest.mark.parametrize("name", names())
def test_builder_info(folder, name):
    found = tfds.builder(f"tensorsmith_{name}", data_dir=folder).info
    description = info(name)
    assert found.redistribution_info.license == description.licence
    assert found.citation == description.source
    assert found.homepage in description.source
    assert found.description == description.description
    assert (found.supervised_keys is None) == (description.label is None)
    if isinstance(description.label, dict):
        assert {key: found.features["label"][key].shape for key in description.label} == {
            key: column.shape for key, column in description.label.items()
        }
    elif description.class_names:
        assert tuple(found.features["label"].names) == description.class_names


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_digits_offline(folder, monkeypatch, split):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    expected = load("digits", split)
    found = examples("digits", folder, split)
    np.testing.assert_array_equal([example["image"] for example in found], expected.features)
    np.testing.assert_array_equal([example["label"] for example in found], expected.labels)


def test_images_are_uint8(folder):
    expected = load("mnist_5k", "test")
    found = examples("mnist_5k", folder)
    images = np.stack([example["image"] for example in found])
    assert (images.shape, images.dtype) == ((1000, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(np.divide(images[..., 0], 255, dtype=np.float32), expected.features)
    np.testing.assert_array_equal([example["label"] for example in found], expected.labels)


@pytest.mark.slow
def test_labels_of_several_kinds(folder):
    expected = load("composed_fashion", "validation")
    # Prepares the first examples of each split only. There are many large ones.
    prepared = tfds.builder("tensorsmith_composed_fashion", data_dir=folder)
    prepared.download_and_prepare(download_config=tfds.download.DownloadConfig(max_examples_per_split=300))
    expected = dataclasses.replace(
        expected,
        features=expected.features[:300],
        labels={name: values[:300] for name, values in expected.labels.items()},
    )
    found = examples("composed_fashion", folder, "validation")
    np.testing.assert_array_equal(
        np.stack([example["image"][..., 0] for example in found]), np.round(expected.features * 255)
    )
    for name, values in expected.labels.items():
        np.testing.assert_array_equal([example["label"][name] for example in found], values)
    loaded = load("tensorsmith_composed_fashion", "validation", source="tfds", folder=folder)
    assert loaded.class_names == expected.class_names
    np.testing.assert_array_equal(loaded.features[..., 0], expected.features)
    for name, values in expected.labels.items():
        np.testing.assert_array_equal(loaded.labels[name], values)
        assert loaded.labels[name].dtype == values.dtype


@pytest.mark.slow
@pytest.mark.parametrize(("name", "split"), [("tux_paint_stamps", "test"), ("land_tiles", "validation")])
def test_color_images(folder, name, split):
    expected = load(name, split)
    found = examples(name, folder, split)
    images = np.stack([example["image"] for example in found])
    assert (images.shape, images.dtype) == (expected.features.shape, np.uint8)
    np.testing.assert_array_equal(np.divide(images, 255, dtype=np.float32), expected.features)
    loaded = load(f"tensorsmith_{name}", split, source="tfds", folder=folder)
    np.testing.assert_array_equal(loaded.features, expected.features)
    if isinstance(expected.labels, dict):
        np.testing.assert_array_equal(loaded.labels["masks"], expected.labels["masks"])
    else:
        np.testing.assert_array_equal(loaded.labels, expected.labels)
        assert loaded.class_names == expected.class_names


def test_numeric_columns_are_one_tensor(folder):
    expected = load("california_housing", "test")
    found = examples("california_housing", folder)
    np.testing.assert_array_equal([example["features"] for example in found], expected.features)
    np.testing.assert_array_equal([example["label"] for example in found], expected.labels)


def test_time_series(folder):
    expected = load("sea_surface_temperature", "test").features
    found = examples("sea_surface_temperature", folder)
    for name in ("time", "temperature"):
        np.testing.assert_array_equal([example["features"][name] for example in found], expected[name])


def test_text_data_sets(folder):
    expected = load("movie_reviews", "test")
    found = examples("movie_reviews", folder)
    assert [example["text"].decode() for example in found] == expected.features.tolist()
    np.testing.assert_array_equal([example["label"] for example in found], expected.labels)
    (whole,) = examples("shakespeare", folder)
    assert whole["text"].decode() == load("shakespeare", "test").features


def test_load_from_tfds_matches_load(folder):
    examples("digits", folder)
    for split in ("train", "test"):
        expected = load("digits", split)
        found = load("tensorsmith_digits", split, source="tfds", folder=folder)
        np.testing.assert_array_equal(found.features, expected.features)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.features.dtype == expected.features.dtype
        assert found.labels.dtype == expected.labels.dtype
        assert found.class_names == expected.class_names
        assert found.licence == expected.licence
        assert (found.name, found.split) == ("tensorsmith_digits", split)
        assert "archive.ics.uci.edu" in found.source


def test_load_from_tfds_prepares_and_scales_images(tmp_path):
    found = load("tensorsmith_mnist_5k", "test", source="tfds", folder=tmp_path)
    assert found.features.shape == (1000, 28, 28, 1)
    np.testing.assert_array_equal(found.features[..., 0], load("mnist_5k", "test").features)


@pytest.mark.slow  # takes several seconds
def test_load_from_tfds_columns(folder):
    expected = load("adult", "validation")
    found = load("tensorsmith_adult", "validation", source="tfds", folder=folder)
    assert set(found.feature_names) == set(expected.feature_names)
    for name, values in expected.features.items():
        np.testing.assert_array_equal(found.features[name], values)
        assert found.features[name].dtype == values.dtype
    first, label = next(iter(found.to_tf(batch_size=2)))
    assert first["race"].numpy().tolist() == [b"White", b"White"]
    assert label.numpy().tolist() == expected.labels[:2].tolist()


def test_split_slices(folder):
    examples("digits", folder)
    found = load("tensorsmith_digits", "test[:10%]", source="tfds", folder=folder)
    np.testing.assert_array_equal(found.features, load("digits", "test").features[:36])


@pytest.mark.parametrize(
    ("name", "split", "error"),
    [
        ("mnits", "train", {"name": "name", "received": "'mnits'", "remedy": "Did you mean mnist"}),
        (
            "tensorsmith_digitz",
            "train",
            {"name": "name", "received": "'tensorsmith_digitz'", "remedy": "Did you mean tensorsmith_digits"},
        ),
        ("imdb_reviews/plain_txt", "train", {"name": "name", "expected": "an existing configuration of imdb_reviews"}),
        (3, "train", {"name": "name", "received": "3"}),
        ("tensorsmith_digits", "tset", {"name": "split", "received": "'tset'", "remedy": "Did you mean test"}),
        ("tensorsmith_digits", None, {"name": "split", "received": "None"}),
        ("tensorsmith_shakespeare", "train", {"name": "name", "expected": "supervised keys"}),
        ("glue/sst2", "train", {"name": "name", "expected": "supervised keys"}),
        (
            "oxford_flowers102",
            "train",
            {"name": "name", "expected": "the name of a data set whose examples all have the same shape"},
        ),
    ],
)
def test_invalid_names_and_splits(folder, name, split, error):
    with raises_argument_error(**error):
        load(name, split, source="tfds", folder=folder)


def test_unknown_sources():
    with raises_argument_error("source", received="'tdfs'", expected="'tfds' or None"):
        load("digits", source="tdfs")


def test_preparation_error_message(tmp_path, monkeypatch):
    def fail(self, **options):
        raise ConnectionError("the host is mute\nand more")

    monkeypatch.setattr(BUILDERS["digits"], "download_and_prepare", fail)
    with pytest.raises(DataNotFoundError) as caught:
        load("tensorsmith_digits", source="tfds", folder=tmp_path)
    location = tmp_path / "tensorsmith_digits" / "1.0.0"
    assert str(caught.value).splitlines()[:3] == [
        'Could not obtain data set "tensorsmith_digits". Sources tried:',
        f"  1. TFDS folder {location}: not prepared",
        "  2. TFDS download and preparation: the host is mute",
    ]
    assert "tfds build tensorsmith_digits" in str(caught.value)
    assert caught.value.name == "tensorsmith_digits"


def test_no_network_fails_fast(tmp_path, monkeypatch):
    """Tests that a missing network is reported immediately, whereas TFDS would retry for minutes."""
    monkeypatch.setattr(BUILDERS["digits"], "url_infos", {"http://127.0.0.1:9/digits.gz": None})  # without a server
    monkeypatch.setenv("no_proxy", "*")
    started = time.monotonic()
    with pytest.raises(DataNotFoundError, match="no answer from 127.0.0.1:9: .*refused"):
        load("tensorsmith_digits", source="tfds", folder=tmp_path)
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    with pytest.raises(DataNotFoundError, match="skipped, TENSORSMITH_OFFLINE is set"):
        load("tensorsmith_digits", source="tfds", folder=tmp_path)
    assert time.monotonic() - started < 60


def test_fetch_error_is_propagated(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path / "cache"))
    with pytest.raises(DataNotFoundError, match="put adult.parquet.brotli into"):
        load("tensorsmith_adult", source="tfds", folder=tmp_path)


def test_without_tensorflow_datasets(monkeypatch):
    real = builtins.__import__

    def exclude(name, *rest):
        if name == "tensorflow_datasets":
            raise ImportError("No module named 'tensorflow_datasets'")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, builders.__name__)
    monkeypatch.setattr(builtins, "__import__", exclude)
    with pytest.raises(ImportError, match=r"tensorsmith\.data\.tfds needs tensorflow-datasets\. Run `pip install"):
        load("tensorsmith_digits", source="tfds")
