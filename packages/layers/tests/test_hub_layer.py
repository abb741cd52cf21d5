"""Tests of `HubLayer` with small modules: outputs, training, saving, and lookup."""

import hashlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import HubLayer
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
URL = "https://tfhub.dev/somebody/module/1"


class Scaled(tf.Module):
    """Reusable SavedModel, as defined by TensorFlow Hub."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(np.arange(6.0, dtype="float32").reshape(3, 2), name="inner/w")
        self.calls = tf.Variable(0.0, trainable=False, name="calls")
        self.variables_, self.regularization_losses = [self.w, self.calls], [self.penalty]

    @tf.function(input_signature=[])
    def penalty(self):
        return 0.1 * tf.reduce_sum(self.w**2)

    @tf.function
    def __call__(self, x, training=False, factor=1.0):
        if training:
            self.calls.assign_add(1.0)
        return factor * x @ self.w


class Words(tf.Module):
    """Module that maps sentences to the sums of the embeddings of their words."""

    def __init__(self):
        super().__init__()
        keys, values = tf.constant(["good", "bad"]), tf.constant([1, 2])
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
        self.embeddings = tf.Variable([[0.0, 0.0], [1.0, 2.0], [-3.0, 4.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, sentences):
        words = tf.strings.split(sentences)
        return tf.reduce_sum(tf.gather(self.embeddings, self.table.lookup(words.to_tensor(""))), 1)


class Two(tf.Module):
    """Module with signatures only.

    One has two inputs and two outputs. The other has one of each, with a shape that is only known at run time.
    """

    def __init__(self):
        super().__init__()
        self.features = tf.Variable(3)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="a"), tf.TensorSpec([None, 3], name="b")])
    def both(self, a, b):
        return {"sum": a + b, "product": a * b}

    @tf.function(input_signature=[tf.TensorSpec(None, name="x")])
    def double(self, x):
        return {"twice": tf.reshape(2 * x, [-1, self.features])}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("modules")
    scaled, two = Scaled(), Two()
    for training in (True, False):
        for factor in (1.0, 2.0):
            scaled.__call__.get_concrete_function(tf.TensorSpec([None, 3]), training=training, factor=factor)
    tf.saved_model.save(scaled, str(root / "scaled"))
    tf.saved_model.save(Words(), str(root / "words"))
    tf.saved_model.save(two, str(root / "two"), {"both": two.both, "serving_default": two.double})
    return root


W = np.arange(6.0).reshape(3, 2)


def test_module_call(folders):
    layer = HubLayer(str(folders / "scaled"))
    np.testing.assert_allclose(layer(X), X @ W, rtol=1e-5)
    np.testing.assert_allclose(HubLayer(str(folders / "scaled"), arguments={"factor": 2.0})(X), 2 * X @ W, rtol=1e-5)
    assert [tuple(weight.shape) for weight in layer.weights] == [(3, 2), ()]
    assert not layer.trainable_variables
    layer(X, training=True)  # frozen: `training` is ignored
    assert float(layer.module.calls) == 0
    assert not layer.losses
    layer.trainable = True
    assert len(layer.trainable_variables) == 1
    layer(X, training=True)
    layer(X)
    assert float(layer.module.calls) == 1
    np.testing.assert_allclose(layer.losses[-1], 0.1 * (W**2).sum(), rtol=1e-6)


class Payload(tf.Module):
    """Module that writes a file when it is called."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def __call__(self, x):
        with tf.control_dependencies([tf.io.write_file(self.path, "payload")]):
            return tf.identity(x)


def test_saved_model_runs_no_code_in_safe_mode(tmp_path):
    module, called = tmp_path / "module", tmp_path / "called"
    tf.saved_model.save(Payload(called), str(module))
    model = keras.Sequential([keras.Input((3,)), HubLayer(str(module))])
    model.save(tmp_path / "model.keras")
    for load in (
        lambda: keras.saving.load_model(tmp_path / "model.keras"),
        lambda: keras.models.model_from_json(model.to_json()),
    ):
        with raises_argument_error("model", received="a HubLayer", remedy="safe_mode=False"):
            load()
    assert not called.exists()
    trusted = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(trusted(X), X)
    assert called.exists()  # the module does run code
    np.testing.assert_array_equal(keras.models.clone_model(model)(X), X)  # its code has been run before


def test_no_module_in_a_folder_for_temporary_files(tmp_path, monkeypatch):
    """Other users of the machine can write to such a folder, where tensorflow-hub looks for modules."""
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    planted = tmp_path / "tfhub_modules" / hashlib.sha1(URL.encode()).hexdigest()
    planted.mkdir(parents=True)
    (planted / "saved_model.pb").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with raises_argument_error("handle", expected="available locally", remedy=str(tmp_path / "home" / ".cache")):
        HubLayer.from_config({"handle": URL})


@pytest.mark.parametrize("sizes", [[1, None], [None, 1], [2, 3, None]])
def test_module_traced_before_saving(sizes, tmp_path):
    """The trace for any size is used, not the first one that matches an unknown size."""
    scaled = Scaled()
    for size in sizes:
        if size is None:
            scaled.__call__.get_concrete_function(tf.TensorSpec([None, 3]))
        else:
            scaled(tf.constant(X[:size]))
    tf.saved_model.save(scaled, str(tmp_path))
    model = keras.Sequential([keras.Input((3,)), HubLayer(str(tmp_path))])
    np.testing.assert_allclose(model.predict(X[:5], verbose=0), X[:5] @ W, rtol=1e-5)


@pytest.mark.parametrize("trainable", [False, True])
def test_training_in_model(folders, trainable, tmp_path):
    layer = HubLayer(str(folders / "scaled"), trainable=trainable)
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(X, np.ones((6, 1)), epochs=2, batch_size=3, verbose=0)
    assert float(layer.module.calls) == (4 if trainable else 0)
    assert (np.abs(layer.module.w - W).max() > 1e-3) == trainable
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_save_weights_option(folders, tmp_path):
    for save_weights, kept in ((None, False), (True, True), (False, False)):
        layer = HubLayer(str(folders / "scaled"), save_weights=save_weights)
        model = keras.Sequential([keras.Input((3,)), layer])
        layer.module.w.assign(np.ones((3, 2)))
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
        np.testing.assert_array_equal(loaded.layers[0].module.w, np.ones((3, 2)) if kept else W)


def test_trained_weights_are_saved_after_freezing(folders, tmp_path):
    model = keras.Sequential([keras.Input((3,)), HubLayer(str(folders / "scaled"), trainable=True)])
    model.compile("sgd", "mse")
    model.fit(X, np.ones((6, 2)), verbose=0)
    model.trainable = False
    for _ in range(2):  # also the loaded model
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
        np.testing.assert_array_equal(loaded.layers[0].module.w, model.layers[0].module.w)
        model = loaded
    thawed = keras.Sequential([keras.Input((3,)), HubLayer(str(folders / "scaled"))])
    thawed.layers[0].trainable = True
    thawed.compile("sgd", "mse")
    thawed.fit(X, np.ones((6, 2)), verbose=0)
    thawed.layers[0].trainable = False
    thawed.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded.layers[0].module.w, thawed.layers[0].module.w)


@pytest.mark.parametrize(("how", "trainable"), [("loop", True), ("loop", False), ("set_weights", True)])
def test_weights_changed_after_unfreezing_are_saved(folders, how, trainable, tmp_path):
    """Custom training loops need not call the layer with `training=True`."""
    layer = HubLayer(str(folders / "scaled"))
    model = keras.Sequential([keras.Input((3,)), layer])
    layer.trainable = True
    if how == "loop":
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(X) ** 2)
        keras.optimizers.SGD(0.1).apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    else:
        layer.set_weights([np.ones((3, 2)), np.array(5.0)])
    layer.trainable = trainable
    changed = layer.module.w.numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    assert np.abs(changed - W).max() > 1e-3
    np.testing.assert_array_equal(loaded.layers[0].module.w, changed)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("given", ["float16", "float32", "float64"])
@pytest.mark.parametrize("signature", [None, "double"])
def test_module_dtypes(dtype, given, signature, tmp_path):
    class Double(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], dtype, name="x")])
        def __call__(self, x):
            return 2 * x

    module = Double()
    tf.saved_model.save(
        module,
        str(tmp_path),
        {
            "double": tf.function(lambda x: {"y": module(x)}).get_concrete_function(
                tf.TensorSpec([None, 3], dtype, name="x")
            )
        },
    )
    y = HubLayer(str(tmp_path), signature=signature)(X.astype(given))
    assert y.dtype == dtype
    np.testing.assert_allclose(y, 2 * X, rtol=2e-3)


def test_gradient_of_inputs(folders):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = HubLayer(str(folders / "scaled"))(x)
    np.testing.assert_allclose(tape.gradient(y, x), np.tile(W.sum(1), (6, 1)), rtol=1e-6)


def test_string_inputs(folders, tmp_path):
    sentences = np.array(["good good", "bad thing", ""])
    expected = [[2, 4], [-3, 4], [0, 0]]
    model = keras.Sequential([keras.Input((), dtype="string"), HubLayer(str(folders / "words"), trainable=True)])
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model(tf.constant(sentences)), expected)
    model.compile("sgd", "mse")
    model.fit(tf.data.Dataset.from_tensors((sentences, np.zeros((3, 2)))), shuffle=False, verbose=0)
    assert np.abs(model.layers[0].module.embeddings[1]).max() < 2
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(sentences), model(tf.constant(sentences)))


def test_signatures_and_output_keys(folders):
    handle = str(folders / "two")
    np.testing.assert_array_equal(HubLayer(handle)(X), 2 * X)
    np.testing.assert_array_equal(HubLayer(handle, output_key="twice")(X), 2 * X)
    both = HubLayer(handle, signature="both")({"a": X, "b": 2 * X})
    assert sorted(both) == ["product", "sum"]
    product = HubLayer(handle, signature="both", output_key="product")
    np.testing.assert_array_equal(product({"a": X, "b": 2 * X}), 2 * X * X)
    for layer, error in (
        (
            HubLayer(handle, signature="both"),
            {"name": "inputs", "received": "a tensor", "expected": "a dict with the inputs ['a', 'b']"},
        ),
        (HubLayer(handle, output_key="twise"), {"name": "output_key", "remedy": "Did you mean twice"}),
        (
            HubLayer(str(folders / "scaled"), output_key="x"),
            {"name": "output_key", "received": "'x'", "expected": "one of"},
        ),
    ):
        with raises_argument_error(**error):
            layer(X)
    with raises_argument_error("signature", received="'bot'", remedy="Did you mean both"):
        HubLayer(handle, signature="bot")


def test_unknown_output_shape(folders):
    handle, inputs = str(folders / "two"), keras.Input((3,))
    assert HubLayer(handle)(inputs).shape != (None, 3)
    assert HubLayer(handle, output_shape=(3,))(inputs).shape == (None, 3)


def test_mixed_precision(folders):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(3, dtype="mixed_float16")(inputs)
    outputs = keras.layers.Dense(1, dtype="mixed_float16")(HubLayer(str(folders / "scaled"))(x))
    assert keras.Model(inputs, outputs)(X).dtype == "float16"


def test_exported_keras_model(tmp_path):
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()])
    encoder.export(tmp_path / "encoder", verbose=False)
    layer = HubLayer(str(tmp_path / "encoder"), trainable=True)
    np.testing.assert_allclose(layer(X), encoder(X), rtol=1e-5)
    assert len(layer.trainable_variables) == 4
    assert len(layer.non_trainable_variables) == 2


@pytest.mark.slow  # takes seconds
def test_url_is_resolved_in_hub_cache(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with raises_argument_error("handle", expected="available locally when a model is loaded"):
        HubLayer.from_config({"handle": URL})
    with raises_argument_error("handle", received="'nowhere'", expected="a folder with a saved_model.pb"):
        HubLayer("nowhere")
    (tmp_path / hashlib.sha1(URL.encode()).hexdigest()).symlink_to(folders / "scaled")
    layer = HubLayer(URL)
    np.testing.assert_allclose(layer(X), X @ W, rtol=1e-5)
    again = HubLayer.from_config(layer.get_config())
    assert again.handle == URL
    # tensorflow-hub finds the module in the cache, without network access.
    script = f"import tensorflow_hub as hub; print(hub.resolve({URL!r}))"
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(tmp_path / hashlib.sha1(URL.encode()).hexdigest())


@pytest.mark.parametrize("installed", [True, False])
def test_download_error_messages(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))

    class Hub:
        @staticmethod
        def resolve(handle):
            raise OSError("no network")

    monkeypatch.setitem(sys.modules, "tensorflow_hub", Hub if installed else None)
    parts = (
        {"expected": "can be downloaded (no network)"}
        if installed
        else {"expected": "tensorflow-hub is not installed", "remedy": "pip install tensorflow-hub"}
    )
    location = hashlib.sha1(URL.encode()).hexdigest()  # in the cache of TensorFlow Hub
    with raises_argument_error("handle", **parts) as caught:
        HubLayer(URL)
    assert location in str(caught.value)
