"""The real data sets, checked against what their publishers say of them."""

import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
import pytest

from tensorsmith.data import fetch, info, load, names
from tensorsmith.data.sets import california_housing, fashion_mnist

DOWNLOADED = ("california_housing", "fashion_mnist", "shakespeare")

# Published in the README of github.com/zalandoresearch/fashion-mnist; the times are those in the gzip headers.
ZALANDO = {
    "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 1504176606),
    "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 1504176606),
    "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 1504176627),
    "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 1504176627),
}


@pytest.fixture(scope="session")
def folders():
    """The cached files; the first run on a machine fetches them."""
    return {name: fetch(name) for name in DOWNLOADED}


@pytest.mark.parametrize("name", names())
def test_every_split_is_as_described(folders, name):
    description = info(name)
    assert description.name == name
    assert tuple(description.splits) == ("train", "validation", "test")
    for split, count in description.splits.items():
        data = load(name, split)
        assert len(data.features) == count
        assert (data.name, data.split) == (name, split)
        assert data.source
        assert data.licence
        if data.labels is not None:
            assert data.labels.shape == (count,)
            assert data.features.dtype == np.float32
            assert np.isfinite(data.features).all()
        if data.class_names:
            assert data.labels.dtype == np.int32
            assert set(data.labels) == set(range(len(data.class_names)))
        if data.feature_names:
            assert data.features.shape == (count, len(data.feature_names))


def test_digits_are_those_of_scikit_learn_and_no_two_splits_share_one():
    from sklearn.datasets import load_digits

    parts = [load("digits", split) for split in info("digits").splits]
    images = np.concatenate([part.features for part in parts]).reshape(1797, -1) * 16
    rows = {tuple(row) for row in images}
    assert rows == {tuple(row) for row in load_digits().data}
    assert sum(len({tuple(row) for row in part.features.reshape(-1, 64)}) for part in parts) == len(rows)
    shares = [np.bincount(part.labels) / len(part.labels) for part in parts]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.005)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.005)


def test_digits_are_the_same_every_time():
    np.testing.assert_array_equal(load("digits").features, load("digits").features)


def test_fashion_mnist_has_6000_and_1000_of_each_class_in_the_published_order(folders):
    train, validation, test = (load("fashion_mnist", split) for split in info("fashion_mnist").splits)
    np.testing.assert_array_equal(np.bincount(test.labels), [1000] * 10)
    labels = np.concatenate([validation.labels, train.labels])
    np.testing.assert_array_equal(np.bincount(labels), [6000] * 10)
    # The published first ten of the training file: an ankle boot, then two T-shirts, ...
    assert labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert train.features.shape[1:] == (28, 28)
    assert train.features.min() == 0
    assert train.features.max() == 1
    # Mean and deviation that are widely used to normalise it.
    assert np.concatenate([validation.features, train.features]).mean() == pytest.approx(0.2860, abs=5e-5)


def test_debians_fashion_mnist_is_zalandos_but_for_the_gzip_header(folders):
    """With name and time put back, the files have the MD5 that Zalando publishes and the SHA-256 that we pin."""
    originals = {file.name: file.sha256 for file in fashion_mnist.ORIGINAL}
    for stem, (md5, stamp) in ZALANDO.items():
        data = (folders["fashion_mnist"] / f"{stem}.gz").read_bytes()
        flags, system = data[3], data[8:10]
        body = data[10 + (len(stem) + 1 if flags & 8 else 0) :]
        original = b"\x1f\x8b\x08\x08" + struct.pack("<I", stamp) + system + stem.encode() + b"\0" + body
        assert hashlib.md5(original).hexdigest() == md5
        assert hashlib.sha256(original).hexdigest() == originals[f"{stem}.gz"]
        assert gzip.decompress(original)[:3] == b"\0\0\x08"


def test_california_housing_has_the_columns_units_and_split_of_scikit_learn(folders):
    parts = [load("california_housing", split) for split in info("california_housing").splits]
    assert parts[0].feature_names == (
        *("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"),
    )
    features = np.concatenate([part.features for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    assert features[:, 0].min() == np.float32(0.4999)
    assert (features[:, 6].min(), features[:, 6].max()) == (np.float32(32.54), np.float32(41.95))
    assert (features[:, 7].min(), features[:, 7].max()) == (np.float32(-124.35), np.float32(-114.31))
    assert (labels.min(), labels.max()) == (np.float32(0.14999), np.float32(5.00001))
    assert labels.mean(dtype=np.float64) == pytest.approx(2.0686, abs=5e-5)
    assert len({tuple(row) for row in features}) == 20640
    # Rows 0 and 1 of the published table are in some split, as they were.
    first = np.array([8.3252, 41, 880 / 126, 129 / 126, 322, 322 / 126, 37.88, -122.23], np.float32)
    assert (features == first).all(axis=1).sum() == 1
    assert labels[(features == first).all(axis=1)] == np.float32(4.526)


def test_california_housing_from_an_archive_like_the_original_is_the_same(folders, tmp_path):
    """Takes the parquet table back to the census' counts, in the layout of the original archive, and reads that."""
    table = california_housing.read_parquet(folders["california_housing"] / california_housing.PARQUET.name)
    income, age, rooms, bedrooms, population, occupancy, latitude, longitude, value = table.T
    households = np.round(population / occupancy)
    rooms, bedrooms = np.round(rooms * households), np.round(bedrooms * households)
    counts = [longitude, latitude, age, rooms, bedrooms, population, households, income, np.round(value * 1e5)]
    text = io.BytesIO()
    np.savetxt(text, np.column_stack(counts), delimiter=",", fmt="%.6f")
    member = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
    member.size = len(text.getvalue())
    with tarfile.open(tmp_path / "cal_housing.tgz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(text.getvalue()))
    again = california_housing.read_original(tmp_path / "cal_housing.tgz")
    np.testing.assert_array_equal(again.astype(np.float32), table.astype(np.float32))
    files = {"cal_housing.tgz": tmp_path / "cal_housing.tgz"}
    np.testing.assert_array_equal(
        california_housing.read(files, "test")[0], load("california_housing", "test").features
    )


def test_california_housing_pins_what_scikit_learn_pins():
    import inspect
    import sys

    import sklearn.datasets

    module = sys.modules[sklearn.datasets.fetch_california_housing.__module__]
    text = inspect.getsource(module)
    (address, _) = info("california_housing").sources
    assert california_housing.ORIGINAL.sha256 in text
    assert address.template in text


def test_shakespeare_is_42_works_in_84_characters(folders):
    parts = [load("shakespeare", split).features for split in info("shakespeare").splits]
    text = "".join(parts)
    assert len(text) == 5_057_198 + 41 * 2
    assert len(set(text)) == 84
    assert text.isascii()
    assert text.startswith("ALL'S WELL THAT ENDS WELL")
    assert [round(len(part) / len(text), 3) for part in parts] == [0.9, 0.05, 0.05]
    for line in ("To be, or not to be", "All the world's a stage", "Shall I compare thee to a summer's day?"):
        assert line in text
    assert "Paradise Lost" not in text
