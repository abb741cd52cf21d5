"""The real data sets, compared with the statements of their publishers."""

import csv
import datetime
import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
import pytest

from tensorsmith.data import fetch, info, load, names
from tensorsmith.data.datasets.r_data import read_data_frame
from tensorsmith.data.datasets.sets import california_housing, chicago_ridership, fashion_mnist, spam

DOWNLOADED = tuple(name for name in names() if info(name).sources)

# Published in the README of github.com/zalandoresearch/fashion-mnist; the times are from the gzip headers.
ZALANDO = {
    "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 1504176606),
    "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 1504176606),
    "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 1504176627),
    "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 1504176627),
}


@pytest.fixture(scope="session")
def folders():
    """The cached files; they are fetched on the first run on a machine."""
    return {name: fetch(name) for name in DOWNLOADED}


GENERATED = "composed_fashion"  # takes seconds


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == GENERATED else []) for name in names()]
)
def test_splits_match_descriptions(folders, name):
    description = info(name)
    assert description.name == name
    assert tuple(description.splits) == ("train", "validation", "test")
    for split, count in description.splits.items():
        data = load(name, split)
        assert (data.name, data.split) == (name, split)
        assert data.source
        assert data.licence
        check_features(description, data, count)
        assert (data.labels is None) == (description.label is None)
        check_labels(description, data, count)


def check_features(description, data, count):
    """Asserts that features have the kind, shape and columns of the description."""
    if description.kind == "text":
        assert isinstance(data.features, str)
        assert len(data.features) == count
    elif isinstance(data.features, dict):
        assert tuple(data.features) == data.feature_names == description.feature_names
        for name, values in data.features.items():
            check_values(values, count, description.columns[name].dtype)
    else:
        check_values(data.features, count, "string" if description.kind == "texts" else "float32")
        columns = (len(data.feature_names),) if data.feature_names else description.shape
        assert data.features.shape == (count, *columns)
    if description.kind == "images":
        steps = data.features[:100] * (description.levels - 1)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
        if len(description.shape) == 2:
            assert (data.features.min(), data.features.max()) == (0, 1)
        else:  # photographs may have no black or white pixels
            assert 0 <= data.features.min() < 0.1
            assert 0.9 < data.features.max() <= 1


def check_labels(description, data, count):
    """Asserts that labels have the kinds, dtypes and shapes of the description."""
    if isinstance(description.label, dict):
        assert tuple(data.labels) == tuple(description.label)
        for name, values in data.labels.items():
            assert (values.shape, values.dtype) == (
                (count, *description.label[name].shape),
                description.label[name].dtype,
            )
    elif data.labels is not None:
        assert data.labels.shape == (count,)
        assert data.labels.dtype == description.label.dtype
        if data.class_names:
            assert data.labels.dtype == np.int32
            assert set(data.labels) == set(range(len(data.class_names)))


def check_values(values, count, dtype):
    assert len(values) == count
    if dtype == "string":
        assert values.dtype == object
        assert {type(value) for value in values} == {str}
    else:
        assert values.dtype == dtype
        assert np.isfinite(values).all()


def test_digits_match_scikit_learn():
    from sklearn.datasets import load_digits

    parts = [load("digits", split) for split in info("digits").splits]
    images = np.concatenate([part.features for part in parts]).reshape(1797, -1) * 16
    rows = {tuple(row) for row in images}
    assert rows == {tuple(row) for row in load_digits().data}
    assert sum(len({tuple(row) for row in part.features.reshape(-1, 64)}) for part in parts) == len(rows)
    shares = [np.bincount(part.labels) / len(part.labels) for part in parts]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.005)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.005)


def test_iris_matches_scikit_learn():
    from sklearn.datasets import load_iris

    parts = [load("iris", split) for split in info("iris").splits]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[35] * 3, [5] * 3, [10] * 3]
    assert parts[0].class_names == tuple(load_iris().target_names)
    assert [f"{name} (cm)" for name in parts[0].feature_names] == load_iris().feature_names
    rows = np.concatenate([np.column_stack([part.features, part.labels]) for part in parts])
    expected = np.column_stack([load_iris().data, load_iris().target]).astype(np.float32)
    np.testing.assert_array_equal(sorted(map(tuple, rows)), sorted(map(tuple, expected)))


def test_digits_are_the_same_every_time():
    np.testing.assert_array_equal(load("digits").features, load("digits").features)


@pytest.mark.slow
def test_fashion_mnist_classes_and_order(folders):
    train, validation, test = (load("fashion_mnist", split) for split in info("fashion_mnist").splits)
    np.testing.assert_array_equal(np.bincount(test.labels), [1000] * 10)
    labels = np.concatenate([validation.labels, train.labels])
    np.testing.assert_array_equal(np.bincount(labels), [6000] * 10)
    # The first ten labels of the published training file: an ankle boot, then two T-shirts, ...
    assert labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert train.features.shape[1:] == (28, 28)
    assert train.features.min() == 0
    assert train.features.max() == 1
    # Mean and standard deviation that are widely used to normalize the images.
    assert np.concatenate([validation.features, train.features]).mean() == pytest.approx(0.2860, abs=5e-5)


def test_debian_fashion_mnist_matches_original(folders):
    """Tests that with name and time restored, the files have the MD5 that Zalando publishes and the pinned SHA-256."""
    originals = {file.name: file.sha256 for file in fashion_mnist.ORIGINAL}
    for stem, (md5, stamp) in ZALANDO.items():
        data = (folders["fashion_mnist"] / f"{stem}.gz").read_bytes()
        flags, system = data[3], data[8:10]
        body = data[10 + (len(stem) + 1 if flags & 8 else 0) :]
        original = b"\x1f\x8b\x08\x08" + struct.pack("<I", stamp) + system + stem.encode() + b"\0" + body
        assert hashlib.md5(original).hexdigest() == md5
        assert hashlib.sha256(original).hexdigest() == originals[f"{stem}.gz"]
        assert gzip.decompress(original)[:3] == b"\0\0\x08"


def test_california_housing_matches_scikit_learn(folders):
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
    # Rows 0 and 1 of the published table are in one of the splits, unchanged.
    first = np.array([8.3252, 41, 880 / 126, 129 / 126, 322, 322 / 126, 37.88, -122.23], np.float32)
    assert (features == first).all(axis=1).sum() == 1
    assert labels[(features == first).all(axis=1)] == np.float32(4.526)


def test_california_housing_from_original_archive(folders, tmp_path):
    """Converts the Parquet table back to census counts in the layout of the original archive, and reads that."""
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


def test_california_housing_hash_matches_scikit_learn():
    import inspect
    import sys

    import sklearn.datasets

    module = sys.modules[sklearn.datasets.fetch_california_housing.__module__]
    text = inspect.getsource(module)
    (address, _) = info("california_housing").sources
    assert california_housing.ORIGINAL.sha256 in text
    assert address.template in text


def test_shakespeare_contents(folders):
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


def test_adult_is_split_as_published(folders):
    train, validation, test = (load("adult", split) for split in info("adult").splits)
    # UCI states 48,842 rows, 16,281 of them for testing; 23.93 % of all rows have a high income.
    assert len(test.labels) == 16281
    labels = np.concatenate([validation.labels, train.labels])
    assert (len(labels), labels.sum(), test.labels.sum()) == (32561, 7841, 3846)
    assert round((labels.sum() + test.labels.sum()) / 48842, 4) == 0.2393
    # The first lines of adult.data and adult.test.
    assert row(validation, 0) == [
        *(39, "State-gov", 77516, "Bachelors", 13, "Never-married", "Adm-clerical", "Not-in-family", "White", "Male"),
        *(2174, 0, 40, "United-States"),
    ]
    assert row(test, 0) == [
        *(25, "Private", 226802, "11th", 7, "Never-married", "Machine-op-inspct", "Own-child", "Black", "Male"),
        *(0, 0, 40, "United-States"),
    ]
    assert (test.class_names[test.labels[0]], validation.class_names[validation.labels[0]]) == ("<=50K", "<=50K")


def row(data, number):
    return [values[number] for values in data.features.values()]


def test_adult_to_tf(folders):
    data = load("adult", "test")
    features, labels = next(iter(data.to_tf(batch_size=3)))
    assert set(features) == set(data.feature_names)
    assert features["age"].numpy().tolist() == [25, 38, 28]
    assert features["workclass"].numpy().tolist() == [b"Private", b"Private", b"Local-gov"]
    assert labels.numpy().tolist() == [0, 0, 1]


def test_mnist_5k_is_balanced_without_duplicates(folders):
    parts = [load("mnist_5k", split) for split in info("mnist_5k").splits]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[350] * 10, [50] * 10, [100] * 10]
    images = np.concatenate([part.features for part in parts])
    assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000
    # Mean and standard deviation that are widely used to normalize MNIST.
    assert images.mean() == pytest.approx(0.1307, abs=0.003)
    assert images.std() == pytest.approx(0.3081, abs=0.003)


def test_sea_surface_temperature_matches_csv(folders):
    with gzip.open(folders["sea_surface_temperature"] / "sea_surface_temperature.csv.gz", "rt") as lines:
        _, *rows = csv.reader(lines)
    parts = [load("sea_surface_temperature", split).features for split in ("train", "validation", "test")]
    time = np.concatenate([part["time"] for part in parts])
    temperature = np.concatenate([part["temperature"] for part in parts])
    assert len(rows) == len(time) == 19226
    assert time.tolist() == [datetime.datetime.fromisoformat(when).timestamp() for when, _ in rows]
    np.testing.assert_array_equal(temperature, [np.float32(value) for _, value in rows])
    steps, counts = np.unique(np.diff(time), return_counts=True)
    # One time is duplicated; there are gaps of 1 and of 23 measurements.
    assert dict(zip(steps, counts, strict=True)) == {0: 1, 1800: 19222, 3600: 1, 24 * 1800: 1}


def test_chicago_ridership(folders):
    """The days are complete, the column of the package that is 14 days old agrees, and few people come on holidays."""
    parts = [load("chicago_ridership", split).features for split in ("train", "validation", "test")]
    days = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    dates = days["date"].astype("datetime64[D]")
    assert (str(dates[0]), str(dates[-1])) == ("2001-01-22", "2016-08-28")
    assert (np.diff(days["date"]) == 1).all()
    files = [folders["chicago_ridership"] / name for name in ("Rdata.rdx", "Rdata.rdb")]
    late = read_data_frame(*files, "Chicago")["Clark_Lake"].astype("float32")
    np.testing.assert_array_equal(late[14:], days["ridership"][:-14])
    weekdays = np.is_busday(dates)
    assert days["ridership"][weekdays & (days["holiday"] == 0)].mean() > 2 * days["ridership"][~weekdays].mean()


def test_federal_holidays():
    """Dates for 2011 that the U.S. Office of Personnel Management published."""
    expected = "2010-12-31 2011-01-17 2011-02-21 2011-05-30 2011-07-04 2011-09-05 2011-10-10 2011-11-11 2011-11-24"
    assert sorted(map(str, chicago_ridership.federal_holidays(2011))) == [*expected.split(), "2011-12-26"]


def test_movie_reviews_contents(folders):
    train, validation, test = (load("movie_reviews", split) for split in info("movie_reviews").splits)
    ratings = np.concatenate([train.labels, validation.labels, test.labels])
    assert (len(ratings), (ratings > 0).sum(), (ratings < 0).sum()) == (10605, 5242, 5326)
    assert (np.abs(ratings) > 0.5).sum() == 10043
    assert np.abs(ratings).max() <= 4
    assert "Effective but too tepid biopic" in {*train.features, *validation.features, *test.features}
    assert list(train.to_tf().take(1).as_numpy_iterator()) == [(train.features[0].encode(), train.labels[0])]


def test_clothing_reviews(folders):
    """The counts of the publisher (23,486 reviews, 845 of them without text), and no review in two splits."""
    splits = [load("clothing_reviews", split) for split in info("clothing_reviews").splits]
    assert sum(len(split.features) for split in splits) == 23_486 - 845
    train, validation, test = ({*split.features} for split in splits)
    assert not (train & validation | train & test | validation & test)
    assert abs(np.concatenate([split.labels for split in splits]).mean() - 0.82) < 0.005


def test_spam(folders):
    """The counts of the publisher, and subjects without the headers that name servers."""
    splits = [load("spam", split) for split in info("spam").splits]
    assert sum(split.labels.sum() for split in splits) == 1_896
    assert sum((split.labels == 0).sum() for split in splits) == 4_150
    texts = np.concatenate([split.features for split in splits])
    assert any(text.startswith("Life Insurance - Why Pay More?\n\n<!DOCTYPE HTML") for text in texts)
    assert not any(text.startswith(("Return-Path:", "Received:", "Delivered-To:")) for text in texts)


def test_text_of_a_mail():
    mail = b"From me Mon\nSubject: Hi\nContent-Type: text/plain; charset=%s\n\ncaf\xc3\xa9"
    assert spam.subject_and_body(mail % b"utf-8") == "Hi\n\ncaf\u00e9"
    assert spam.subject_and_body(mail % b"no-such-charset") == "Hi\n\ncaf\u00c3\u00a9"
    assert spam.subject_and_body(b"").strip() == ""


def test_verses(folders):
    """Pairs of well-known verses, no book in two splits, and no quotation of a held-out book in the training data."""
    splits = [load("verses", split).features for split in info("verses").splits]
    books = [{reference.partition(".")[0] for reference in split["reference"]} for split in splits]
    assert sum(map(len, books)) == len(set.union(*books)) == 66
    train, *others = ({*split["reference"]} for split in splits)
    assert "1Cor.15.32" in set.union(*others)  # "let us eat and drink, for tomorrow we die", as in Isaiah
    assert "Isa.22.12" in train
    assert "Isa.22.13" not in train
    pairs = {row[0]: row[1:] for split in splits for row in zip(*split.values(), strict=True)}
    assert pairs["John.11.35"] == ("Jesus wept.", "Y lloró Jesús.")
    assert pairs["Gen.1.3"][1] == "Y dijo Dios: Sea la luz: y fué la luz."
    assert pairs["Rev.13.1"][0].startswith("Then I stood on the sand of the sea. I saw a beast")
    assert not {*"<>&*[]0123456789"} & {*"".join("".join(pair) for pair in pairs.values())}


def test_cmudict(folders):
    """Known pronunciations, and no word in two splits, even with another ending after an apostrophe."""
    splits = [load("cmudict", split).features for split in info("cmudict").splits]
    stems = [{word.partition("'")[0] for word in split["word"]} for split in splits]
    assert sum(map(len, stems)) == len(set.union(*stems))
    words, phonemes = (np.concatenate([split[name] for split in splits]).tolist() for name in ("word", "phonemes"))
    assert (len(words), len(set(words))) == (132_585, 123_874)
    assert sorted(each for word, each in zip(words, phonemes, strict=True) if word == "TOMATO") == [
        "T AH0 M AA1 T OW2",
        "T AH0 M EY1 T OW2",
    ]
    assert len({each.rstrip("012") for entry in phonemes for each in entry.split()}) == 39


def test_movie_reviews_ratings_are_aligned(folders):
    """Tests that a linear model predicts the sign of a rating from the words, which fails if rows are misaligned."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = ((data.features, data.labels > 0) for data in (load("movie_reviews"), load("movie_reviews", "test")))
    words = TfidfVectorizer()
    model = LogisticRegression().fit(words.fit_transform(train[0]), train[1])
    assert model.score(words.transform(test[0]), test[1]) > 0.7
