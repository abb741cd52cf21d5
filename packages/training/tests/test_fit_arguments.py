"""Tests of arguments of `fit`, compared with `fit` of Keras: splits, first epochs, `PyDataset`, printed scores."""

import io
import logging
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import ProgressBar, Trainer

X = np.random.default_rng(0).normal(size=(70, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Batches(keras.utils.PyDataset):
    """Five batches of 14 examples, which records the order in which its methods are called."""

    def __init__(self, endless=False, **arguments):
        super().__init__(**arguments)
        self.endless = endless
        self.calls = []

    @property
    def num_batches(self):
        return None if self.endless else 5

    def __getitem__(self, index):
        self.calls.append(index)
        rows = slice(14 * (index % 5), 14 * (index % 5) + 14)
        return X[rows].astype("float64"), Y[rows]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


def model():
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])


def ours(*data, **arguments):
    return Trainer(model(), "sgd", "mse", jit=False).fit(*data, **{"shuffle": False, "verbose": False, **arguments})


def of_keras(*data, **arguments):
    reference = model()
    reference.compile("sgd", "mse", jit_compile=False)
    return reference.fit(*data, shuffle=False, verbose=0, **arguments)


def assert_same_history(history, expected):
    assert history.epoch == expected.epoch
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_split_matches_keras(weighted):
    arguments = {"validation_split": 0.3, "epochs": 2, "batch_size": 14}
    arguments |= {"sample_weight": np.linspace(0.5, 2, 70)} if weighted else {}
    assert_same_history(ours(X, Y, **arguments), of_keras(X, Y, **arguments))


def test_initial_epoch_matches_keras(tmp_path):
    arguments = {"initial_epoch": 3, "epochs": 5}
    expected = of_keras(X, Y, **arguments)
    assert expected.epoch == [3, 4]
    assert_same_history(ours(X, Y, checkpoints=tmp_path, **arguments), expected)
    resumed = ours(X, Y, checkpoints=tmp_path, resume=True, initial_epoch=3, epochs=6)
    assert_same_history(resumed, of_keras(X, Y, initial_epoch=3, epochs=6))


@pytest.mark.parametrize("arguments", [{}, {"workers": 3, "max_queue_size": 2}, {"endless": True}])
def test_py_dataset_matches_keras(arguments):
    steps = {"steps_per_epoch": 5} if arguments.get("endless") else {}
    history = ours(Batches(**arguments), epochs=2, validation_data=Batches(), **steps)
    assert_same_history(history, of_keras(Batches(**arguments), epochs=2, validation_data=Batches(), **steps))


@pytest.mark.parametrize("workers", [1, 3])
def test_methods_of_py_dataset(workers):
    data = Batches(workers=workers)
    trainer = Trainer(model(), "sgd", "mse", jit=False)
    trainer.fit(data, epochs=2, seed=0, verbose=False)
    first, second = data.calls[2:9], data.calls[9:]  # after the first two batches, which are read for their shapes
    for epoch in (first, second):
        assert (epoch[0], sorted(epoch[1:-1]), epoch[-1]) == ("begin", [0, 1, 2, 3, 4], "end")
    assert first[1:-1] != second[1:-1]  # the batches are shuffled
    expected = trainer.evaluate(X, Y)["loss"]
    assert trainer.evaluate(Batches(workers=workers))["loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(trainer.predict(Batches(workers=workers)), trainer.predict(X), rtol=1e-5)


@pytest.mark.parametrize("workers", [1, 3])
def test_py_dataset_that_changes_at_the_end_of_an_epoch(workers):
    class Growing(keras.utils.PyDataset):
        def __init__(self):
            super().__init__(workers=workers)
            self.y = np.ones((40, 1), "float32")

        def __len__(self):
            return 10

        def __getitem__(self, index):
            return X[:4], self.y[4 * index : 4 * index + 4]

        def on_epoch_end(self):
            self.y *= 2

    zeros = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    trainer = Trainer(zeros, keras.optimizers.SGD(0.0), "mse")
    history = trainer.fit(Growing(), epochs=4, validation_data=Growing(), verbose=False).history
    assert history["loss"] == history["val_loss"] == [1, 4, 16, 64]


def test_py_dataset_with_sequences_of_several_lengths():
    class Sequences(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            x = np.random.default_rng(index).normal(size=(4, (5, 7, 3)[index], 1)).astype("float32")
            return x, x.sum(axis=1)

    class Unweighted(Sequences):
        def __getitem__(self, index):
            return (*super().__getitem__(index), None)

    def model():
        keras.utils.set_random_seed(1)
        layers = [keras.Input((None, 1)), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
        return keras.Sequential(layers)

    expected = model()
    expected.compile("sgd", "mse", jit_compile=False)
    expected = expected.fit(Sequences(), epochs=2, shuffle=False, verbose=0)
    trainer = Trainer(model(), "sgd", "mse")
    found = trainer.fit(Unweighted(), epochs=2, shuffle=False, validation_data=Sequences(), verbose=False)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("items", "received"),
    [
        ([(X[:4], None, Y[:4])], "a PyDataset with a batch that contains None"),
        ([([[1.0], [2.0]], Y[:2])], "a PyDataset with a batch that contains a number"),
        ([(X[:4], Y[:4]), (X[:4],)], "a PyDataset whose first two batches differ in structure or rank"),
    ],
)
def test_invalid_batches_of_py_dataset(items, received):
    class Items(keras.utils.PyDataset):
        def __len__(self):
            return len(items)

        def __getitem__(self, index):
            return items[index]

    with raises_argument_error("x", received=received):
        ours(Items())


def test_endless_py_dataset():
    trainer = Trainer(model(), "sgd", "mse", jit=False)
    with raises_argument_error("x", received="an infinite dataset", expected="finite without `steps_per_epoch`"):
        trainer.evaluate(Batches(endless=True))
    for name, call in {
        "x": lambda: trainer.predict(Batches(endless=True)),
        "validation_data": lambda: trainer.fit(X, Y, validation_data=Batches(endless=True), verbose=False),
    }.items():
        with raises_argument_error(name, received="an infinite dataset", expected="finite"):
            call()


def test_py_dataset_resumes(tmp_path):
    """Tests that a resumed run reads the batches in the same order as an uninterrupted run."""
    whole = ours(Batches(), epochs=2, shuffle=True, seed=3)
    ours(Batches(), epochs=1, seed=3, shuffle=True, checkpoints=tmp_path)
    resumed = ours(Batches(), epochs=2, seed=3, shuffle=True, checkpoints=tmp_path, resume=True)
    assert resumed.history["loss"] == whole.history["loss"]


def test_train_step_receives_inputs_as_in_keras():
    """Tests that without targets, a custom step receives the inputs and not a tuple."""

    class Mean(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(), initializer="ones")

        def train_step(self, images):
            return {"loss": keras.ops.mean(images)}

        def test_step(self, images):
            return {"loss": keras.ops.max(images)}

    trainer = Trainer(Mean(), "sgd", jit=False)
    assert trainer.fit(X, batch_size=70, verbose=False).history["loss"] == pytest.approx([X.mean()], abs=1e-6)
    assert trainer.evaluate(X, batch_size=70)["loss"] == pytest.approx(X.max())


def test_scores_are_printed_without_terminal(monkeypatch, capsys, caplog):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with caplog.at_level(logging.WARNING, "tensorsmith.training"):  # as in a program that does not configure logging
        ours(X, Y, epochs=2, verbose=True)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2 ")
    assert "loss " in second


@pytest.mark.parametrize("width", [80, 60, 200])
def test_lines_of_epochs_fit_in_the_terminal(width, monkeypatch):
    """Validation scores are in parentheses, and a constant learning rate is printed once, if there is space for it."""
    file = io.StringIO()
    monkeypatch.setattr("sys.stdout", io.StringIO())
    bar = ProgressBar(Console(file=file, force_terminal=True, width=width, color_system=None))
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1)])
    trainer = Trainer(model, "sgd", "mse", metrics=["mean_squared_error"], jit=False)
    trainer.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[bar], verbose=False)
    printed = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", file.getvalue()).replace("\r", "\n")
    lines = [line.rstrip() for line in printed.splitlines() if line.startswith("epoch ") and " loss " in line]
    first, second = (next(line for line in lines if line.startswith(f"epoch {n}/2") and "(val" in line) for n in (1, 2))
    assert max(len(first), len(second)) <= width
    assert re.match(r"epoch 1/2  loss [\d.]+ \(val [\d.]+\)  mean_squared_error ", first)
    assert ("learning_rate 0.01  " in first, "learning_rate" in second) == (width == 200, False)
    assert first.endswith("…" if width == 60 else ("s", ")"))


@pytest.mark.parametrize(
    ("name", "data", "arguments"),
    [
        ("validation_split", (X, Y), {"validation_split": 1.0}),
        ("validation_split", (X, Y), {"validation_split": 0.999}),
        ("validation_split", (X, Y), {"validation_split": 0.2, "validation_data": (X, Y)}),
        ("validation_split", (Batches(),), {"validation_split": 0.2}),
        ("x", ([[1.0, 2.0, 3.0]] * 8, [1.0] * 8), {"validation_split": 0.2}),
        ("initial_epoch", (X, Y), {"initial_epoch": 1}),
        ("y", (Batches(), Y), {}),
        ("validation_data", (X, Y), {"validation_data": Batches(endless=True)}),
        ("x", ((batch for batch in [X]),), {}),
        ("x", (lambda: X,), {}),
    ],
)
def test_invalid_arguments(name, data, arguments):
    with raises_argument_error(name):
        ours(*data, **arguments)


class Impute(keras.layers.Layer):
    """Replaces NaN by 0."""

    def call(self, inputs):
        return keras.ops.where(keras.ops.isnan(inputs), 0.0, inputs)


@pytest.mark.parametrize("stream", [False, True])
def test_missing_inputs_of_a_model_that_replaces_them(stream):
    """Tests that NaN is an error unless the model handles it, with the same losses as in Keras."""
    x = np.where(np.arange(70)[:, None] % 7 == 3, np.nan, X)
    data = (tf.data.Dataset.from_tensor_slices((x, Y)).batch(14),) if stream else (x, Y)
    with raises_argument_error("x", received="nan at", remedy="impute the values"):
        ours(*data)
    infinite = x.copy()
    infinite[12, 1] = np.inf
    layers = [keras.Input((3,)), Impute(), keras.layers.Dense(1, kernel_initializer="ones")]
    trainer, reference = Trainer(keras.Sequential(layers), "sgd", "mse", jit=False), keras.Sequential(layers[:2])
    reference.add(keras.layers.Dense(1, kernel_initializer="ones"))
    reference.compile("sgd", "mse", jit_compile=False)
    history = trainer.fit(*data, batch_size=14, shuffle=False, verbose=False)
    expected = reference.fit(*data, batch_size=None if stream else 14, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    data = (tf.data.Dataset.from_tensor_slices((infinite, Y)).batch(14),) if stream else (infinite, Y)
    with raises_argument_error("x", received="row 12, column 1"):
        trainer.fit(*data, verbose=False)


class BrokenFileError(Exception):
    """Error of a user's data set."""


class Files(keras.utils.PyDataset):
    """Batches of which the third cannot be read, once `broken` is set."""

    broken = False

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if self.broken and index == 2:
            raise BrokenFileError("image_17.png is empty")
        return X[:4], Y[:4]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["fit", "validate", "evaluate", "predict"])
def test_exceptions_of_py_dataset(method, workers):
    data = Files(workers=workers)
    data.broken = True
    trainer = Trainer(model(), "sgd", "mse")
    calls = {
        "fit": lambda: trainer.fit(data, verbose=False),
        "validate": lambda: trainer.fit(X, Y, validation_data=data, verbose=False),
        "evaluate": lambda: trainer.evaluate(data),
        "predict": lambda: trainer.predict(data),
    }
    with pytest.raises(BrokenFileError, match="image_17.png is empty"):
        calls[method]()
    data.broken = False
    calls[method]()


class OnlyPositive(keras.Sequential):
    """Model that rejects negative inputs."""

    def check_data(self, x, y=None):
        if np.min(x) < 0:
            raise ValueError("x must be positive.")


class OwnStep(OnlyPositive):
    """Model with the usual training step, which it defines itself."""

    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize("form", ["arrays", "dataset"])
@pytest.mark.parametrize("kind", [OnlyPositive, OwnStep])
def test_model_can_reject_data(kind, form):
    trainer = Trainer(kind([keras.Input((3,)), keras.layers.Dense(1)]), "sgd", "mse")
    before = trainer.model.get_weights()[0].copy()
    for x in (np.abs(X), X):
        data = (x, Y) if form == "arrays" else (tf.data.Dataset.from_tensor_slices((x, Y)).batch(70),)
        if x is X:
            with pytest.raises(ValueError, match=r"x must be positive\."):
                trainer.fit(*data, verbose=False)
            np.testing.assert_array_equal(trainer.model.get_weights()[0], before)
        else:
            trainer.fit(*data, verbose=False)
            before = trainer.model.get_weights()[0].copy()


def test_targets_of_binary_cross_entropy():
    """As Keras accepts them, pixels from 0 to 255 would lead to losses without a lower bound."""
    trainer = Trainer(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")]), "sgd", "bce")
    trainer.fit(X, np.linspace(0, 1, len(X))[:, None], verbose=False)
    for targets in (np.full((len(X), 1), 255.0), np.full((len(X), 1), -0.1)):
        with raises_argument_error("y", expected="in [0, 1] for binary cross-entropy"):
            trainer.fit(X, targets, verbose=False)
