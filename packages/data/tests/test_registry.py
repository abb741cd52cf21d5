import subprocess
import sys

import numpy as np
import pytest

from tensorsmith.data import Dataset, info, load, load_splits, names
from tensorsmith.testing import raises_argument_error


def test_names():
    assert {"adult", "california_housing", "digits", "fashion_mnist", "mnist_5k", "shakespeare"} <= set(names())
    assert all(info(name).name == name for name in names())


@pytest.mark.parametrize("name", names())
def test_every_description_is_complete(name):
    description = info(name)
    assert all([description.title, description.description, description.licence, description.source])
    for source in description.sources:
        for file in source.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert "/" not in file.name
            assert file.size > 0


def test_unknown_names():
    with raises_argument_error(
        "name",
        received="'fashion_mist'",
        expected="one of adult, california_housing, chicago_ridership, clothing_reviews",
    ):
        load("fashion_mist")
    with raises_argument_error("name", received="'../digits'"):
        load("../digits")
    with raises_argument_error("name", received="3"):
        info(3)


def test_unknown_split_and_folder():
    with raises_argument_error("split", received="'valid'", expected="one of train, validation, test"):
        load("digits", split="valid")
    with raises_argument_error("split", received="['train']"):
        load("digits", ["train"])
    with raises_argument_error("split", received="None"):
        load("digits", split=None)
    with raises_argument_error("folder", received="'/no/such/folder'", expected="an existing folder"):
        load("digits", folder="/no/such/folder")


def test_digits_without_network_and_disk(cache, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_OFFLINE", "1")
    assert len(load("digits").features) == 1257
    assert not cache.exists()


def test_import_is_lazy():
    program = (
        "import sys; import tensorsmith.data as data; [data.info(name) for name in data.names()]; "
        "assert not {'tensorflow', 'keras', 'sklearn', 'pyarrow', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def make(features, labels):
    return Dataset("made", "train", features, labels, (), (), "here", "CC0-1.0")


def test_to_tf_keeps_the_order():
    features, labels = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5, dtype=np.int32)
    batches = list(make(features, labels).to_tf(batch_size=2).as_numpy_iterator())
    assert [len(batch[1]) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in batches]), features)
    assert [int(label) for _, label in make(features, labels).to_tf()] == [0, 1, 2, 3, 4]


def test_to_tf_without_labels_and_with_text():
    assert make(np.zeros((4, 3), np.float32), None).to_tf().element_spec.shape == (3,)
    assert list(make("to be", None).to_tf().as_numpy_iterator()) == [b"to be"]


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "32"])
def test_to_tf_with_bad_batch_sizes(size):
    with raises_argument_error("batch_size"):
        load("digits").to_tf(batch_size=size)


def test_load_splits():
    """Tests all splits against single ones, and a training set that is made smaller."""
    splits = load_splits("digits", train_size=3)
    for split, (images, labels) in splits.items():
        part = load("digits", split=split)
        kept = 3 if split == "train" else len(part.labels)
        np.testing.assert_array_equal(images, part.features[:kept])
        np.testing.assert_array_equal(labels, part.labels[:kept])
    assert list(splits) == ["train", "validation", "test"]
    assert len(load_splits("digits")["train"][0]) == 1257
    columns, labels = load_splits("adult", train_size=5)["train"]
    assert {len(values) for values in [*columns.values(), labels]} == {5}


def test_load_splits_with_labels_of_several_kinds(tmp_path):
    path = tmp_path / "squares.py"
    path.write_text("""
import numpy as np
from tensorsmith.data import DatasetInfo
from tensorsmith.data.datasets.dataset import Column

SPLITS = {"train": 5, "validation": 1, "test": 1}

def read(files, split):
    numbers = np.arange(SPLITS[split], dtype="float32")
    return numbers, {"square": numbers**2, "pair": np.stack([numbers, -numbers], axis=1)}

LABEL = {"square": Column(), "pair": Column(shape=(2,))}
INFO = DatasetInfo("squares", "", "", "", "", SPLITS, read, label=LABEL)
""")
    splits = load_splits(str(path), train_size=3)
    assert splits["train"][1]["square"].tolist() == [0, 1, 4]
    assert splits["train"][1]["pair"].shape == (3, 2)
    assert splits["test"][1]["pair"].shape == (1, 2)


def test_load_splits_rejects_bad_arguments():
    with raises_argument_error("name", received="shakespeare", expected="the name of a data set with labels"):
        load_splits("shakespeare")
    for size in (0, 1258, True, 2.0):
        with raises_argument_error("train_size", received=str(size), expected="an integer from 1 to 1,257"):
            load_splits("digits", train_size=size)


@pytest.mark.parametrize("content", ["import pathlib; pathlib.Path('executed').touch()", " " * 1_000_001])
def test_other_scripts_are_not_executed(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.py").write_text(content)
    with pytest.raises(ValueError, match=r"a file that defines INFO|of at most 1,000,000 bytes"):
        info("deploy.py")
    assert not (tmp_path / "executed").exists()
