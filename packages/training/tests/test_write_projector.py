"""Tests of the files for the embedding projector, as the server of its TensorBoard plugin reads them."""

import keras
import numpy as np
import pytest

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import write_projector

projector_plugin = pytest.importorskip("tensorboard.plugins.projector.projector_plugin")
client = pytest.importorskip("werkzeug.test")  # a dependency of TensorBoard

LABELS = ["", "[UNK]", "two words", "tab\tnewline\n", " \t", "été", "'quoted'", "0.5"]


def vectors(count=8, dtype="float32"):
    return np.random.default_rng(0).normal(scale=1e3, size=(count, 3)).astype(dtype)


def read(folder):
    """Returns the vectors and the labels that the plugin serves for the folder passed as `--logdir`."""

    class Context:
        data_provider, logdir = None, str(folder)

    apps = projector_plugin.ProjectorPlugin(Context).get_plugin_apps()

    def get(route, **query):
        response = client.Client(apps[route]).get(route, query_string=query)
        assert response.status_code == 200, response.text
        return response

    assert get("/runs").json == ["."]
    (embedding,) = get("/info", run=".").json["embeddings"]
    query = {"run": ".", "name": embedding["tensorName"]}
    values = np.frombuffer(get("/tensor", **query).data, "float32").reshape(embedding["tensorShape"])
    lines = get("/metadata", **query).get_data().decode().split("\n")
    return values, [line for line in lines if line.strip()]  # the page skips empty lines


def test_tensorboard_reads_vectors_and_labels(tmp_path):
    written = vectors()
    write_projector(tmp_path / "logs" / "train", written, LABELS)
    found, labels = read(tmp_path / "logs" / "train")
    np.testing.assert_array_equal(found, written)
    assert labels == ["''", "[UNK]", "two words", r"tab\tnewline\n", r"' \t'", "été", "'quoted'", "0.5"]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "bfloat16"])
def test_dtypes_and_variables(tmp_path, dtype):
    written = keras.Variable(vectors(dtype="int32"), dtype=dtype)
    write_projector(tmp_path, written, LABELS)
    found, _ = read(tmp_path)
    np.testing.assert_array_equal(found, np.asarray(keras.ops.cast(written.value, "float32")))


def test_files_are_replaced(tmp_path):
    write_projector(tmp_path, vectors(), LABELS)
    write_projector(tmp_path, vectors(2)[:, :1], ["a", "b"])
    found, labels = read(tmp_path)
    assert found.shape == (2, 1)
    assert labels == ["a", "b"]
    assert len(list(tmp_path.iterdir())) == 3


def test_interrupted_call_leaves_no_configuration(tmp_path, monkeypatch):
    write_projector(tmp_path, vectors(), LABELS)
    monkeypatch.setattr(np, "savetxt", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_projector(tmp_path, vectors(2), ["a", "b"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metadata.tsv", "vectors.tsv"]
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "vectors.tsv").shape, (len(LABELS), 3))


@pytest.mark.parametrize(
    ("values", "labels", "error"),
    [
        (vectors(), LABELS[1:], {"name": "labels", "received": "7", "expected": "a string for each of the 8 vectors"}),
        (vectors(1), [3], {"name": "labels", "expected": "a sequence of strings"}),
        (vectors(1), [b"word"], {"name": "labels", "expected": "a sequence of strings"}),
        (np.ones(3), ["a", "b", "c"], {"name": "vectors", "received": "(3,)", "expected": "(count, size)"}),
        (np.ones((0, 3)), [], {"name": "vectors", "received": "(0, 3)"}),
        (np.full((1, 3), np.nan), ["a"], {"name": "vectors", "expected": "finite numbers"}),
    ],
)
def test_bad_arguments(tmp_path, values, labels, error):
    with raises_argument_error(**error):
        write_projector(tmp_path / "new", values, labels)
    assert not (tmp_path / "new").exists()
