"""Tests of the `Trainer` against Keras `fit`, and of its additional features."""

import functools
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import NonFiniteLossError, Trainer

KEYS = dict(rtol=1e-5, atol=1e-5)


def toy(examples=150, features=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, features)).astype("float32")
    return x, (x[:, :classes].argmax(axis=1)).astype("int64")


def rich_model(classes=3):
    """Returns a model with a regularizer, a constraint, an activity regularizer and batch normalization."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(
        8,
        "relu",
        kernel_regularizer=keras.regularizers.L2(0.01),
        kernel_constraint=keras.constraints.MaxNorm(1.0),
        activity_regularizer=keras.regularizers.L1(0.001),
    )(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(hidden))


def plain_trainer(kind=Trainer, optimizer=None, **options):
    """Returns a trainer of a single layer, which is traced quickly."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "softmax")])
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    return kind(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], **{"jit": False, **options})


def compile_arguments():
    return dict(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["sparse_categorical_crossentropy"],
    )


WEIGHTS = {
    "no weights": {},
    "sample weights": {"sample_weight": np.random.default_rng(1).random(150)},
    "class weights": {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
}


@functools.cache
def fit_keras(weights):
    """Returns history and model of Keras `fit`, cached for all tests that compare with it."""
    x, y = toy()
    model = rich_model()
    model.compile(**compile_arguments(), jit_compile=False)
    fit = dict(epochs=2, batch_size=32, validation_data=(x[:40], y[:40]), **WEIGHTS[weights])
    return model.fit(x, y, shuffle=False, verbose=0, **fit).history, model


@pytest.mark.parametrize(
    ("jit", "weights"),
    [
        (False, "sample weights"),
        *(pytest.param(False, other, marks=pytest.mark.slow) for other in WEIGHTS if other != "sample weights"),
        (True, "sample weights"),
    ],
)
def test_same_losses_as_keras_fit(jit, weights):
    x, y = toy()
    expected, keras_model = fit_keras(weights)
    trainer = Trainer(rich_model(), **compile_arguments(), jit=jit)
    fit = dict(epochs=2, batch_size=32, validation_data=(x[:40], y[:40]), **WEIGHTS[weights])
    history = trainer.fit(x, y, shuffle=False, verbose=False, **fit).history
    assert history.pop("learning_rate") == pytest.approx([0.01] * 2)  # not logged by Keras `fit`
    assert history.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(history[name], expected[name], err_msg=name, **KEYS)
    for ours, theirs in zip(trainer.model.get_weights(), keras_model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("jit", "cardinality_known"), [(False, False), (True, True)])
def test_same_losses_from_a_dataset(jit, cardinality_known):
    dataset = tf.data.Dataset.from_tensor_slices(toy()).batch(32)
    dataset = dataset if cardinality_known else dataset.filter(lambda x, y: True)
    expected, _ = fit_keras("no weights")
    trainer = Trainer(rich_model(), **compile_arguments(), jit=jit)
    history = trainer.fit(dataset, epochs=2, verbose=False).history
    np.testing.assert_allclose(history["loss"], expected["loss"], **KEYS)


def test_evaluate_and_predict_agree_with_keras():
    x, y = toy()
    trainer = Trainer(rich_model(), **compile_arguments())
    expected = trainer.model.evaluate(x, y, verbose=0, return_dict=True)
    assert trainer.evaluate(x, y) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(trainer.predict(x), trainer.model.predict(x, verbose=0), **KEYS)


@pytest.mark.parametrize("stream", [False, True])
def test_no_retracing(stream):
    traces = []

    class Counting(keras.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                traces.append(inputs.shape[0])
            return inputs

    x, y = toy(160)
    model = keras.Sequential([keras.Input((5,)), Counting(), keras.layers.Dense(3, "softmax")])
    trainer = Trainer(model, **compile_arguments(), jit=False)
    data = (tf.data.Dataset.from_tensor_slices((x, y)).batch(32),) if stream else (x, y)
    for steps_per_loop in (None, 2, 3):
        trainer.steps_per_loop = steps_per_loop
        trainer.fit(*data, epochs=3, verbose=False)
    assert traces == [None if stream else 32]


SEVERAL_TRAINERS = """
import keras, numpy as np, tensorflow as tf
from tensorsmith.training import Trainer
x, y = np.zeros((32, 5), "float32"), np.zeros((32, 1), "float32")
for data in ((x, y), (tf.data.Dataset.from_tensor_slices((x, y)).batch(32),)):
    for _ in range(6):
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
        Trainer(model, "sgd", "mean_squared_error", jit=False).fit(*data, verbose=False)
print("done")
"""


@pytest.mark.slow
def test_no_retracing_warning_of_several_trainers():
    """TensorFlow must not mistake the loops of several trainers for one function. It warns twice in each process."""
    result = subprocess.run([sys.executable, "-c", SEVERAL_TRAINERS], capture_output=True, text=True)
    assert result.stdout == "done\n", result.stderr
    assert "retracing" not in result.stderr


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("end", batch))


def test_batch_hooks_fire_once_per_loop():
    recorder = Recorder()
    plain_trainer(steps_per_loop=3).fit(*toy(160), callbacks=[recorder], verbose=False)
    assert recorder.seen == [("begin", 0), ("end", 2), ("begin", 3), ("end", 4)]


def test_batch_hooks_fire_every_batch():
    recorder = Recorder()
    recorder.every_batch = True
    plain_trainer(steps_per_loop=3).fit(*toy(160), callbacks=[recorder], verbose=False)
    assert recorder.seen == [(kind, batch) for batch in range(5) for kind in ("begin", "end")]


def test_keras_callbacks_work(tmp_path):
    x, y = toy(64)
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=100.0, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), save_best_only=True, monitor="val_loss"),
        keras.callbacks.TensorBoard(str(tmp_path / "events")),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1)),
    ]
    trainer = plain_trainer()
    history = trainer.fit(x, y, epochs=5, validation_data=(x, y), callbacks=callbacks, verbose=False)
    assert history.epoch == [0, 1]  # stopped, because no epoch improves by 100
    assert history.history["learning_rate"] == pytest.approx([0.01, 0.005])
    loaded = keras.models.load_model(tmp_path / "best.keras")
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(trainer.model.evaluate(x, y, verbose=0), abs=0.5)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert list((tmp_path / "events" / "train").glob("*tfevents*"))


def test_dropout_is_reproducible():
    def losses():
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
        trainer = Trainer(model, keras.optimizers.SGD(0.0), "mse", jit=False)
        x, _ = toy(64)
        return trainer.fit(x, np.ones(len(x)), epochs=3, shuffle=False, verbose=False).history["loss"]

    first = losses()
    assert len(set(first)) == 3
    assert first == losses()


@pytest.mark.parametrize("jit", [False, True])
def test_non_finite_loss(jit):
    x, y = toy(320)
    targets = x[:, 0].copy()
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    x[6 * 32 + 5] = 1e30  # finite, but its square is not
    trainer = Trainer(model, keras.optimizers.SGD(1e-3), "mse", jit=jit, steps_per_loop=4)
    with pytest.raises(NonFiniteLossError, match=r"`loss` became inf at step 7 of epoch 1 \(steps 5 to 8"):
        trainer.fit(x, targets, shuffle=False, verbose=False)


def test_overridden_train_step():
    class Halving(Trainer):
        def train_step(self, data):
            weight = self.model.trainable_variables[0]
            weight.assign(weight / 2)
            return {"size": tf.reduce_max(weight.value)}

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    history = Halving(model, "sgd", "mse", jit=False).fit(np.zeros((96, 1)), np.zeros(96), verbose=False)
    assert history.history["size"] == [0.125]  # halved in each of three steps


def test_unfrozen_layers_are_trained():
    x, y = toy(64)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(3, "softmax")])
    layer = model.layers[0]
    layer.trainable = False
    trainer = Trainer(model, keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit=False)
    frozen = layer.kernel.numpy()
    trainer.fit(x, y, verbose=False)
    np.testing.assert_array_equal(layer.kernel.numpy(), frozen)
    layer.trainable = True
    Trainer(model, keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit=False).fit(x, y, verbose=False)
    assert not np.array_equal(layer.kernel.numpy(), frozen)


def test_infinite_dataset_requires_steps_per_epoch():
    x, y = toy()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(32)
    trainer = plain_trainer()
    with raises_argument_error("x", received="an infinite dataset", expected="finite without `steps_per_epoch`"):
        trainer.fit(dataset, verbose=False)
    trainer.fit(dataset, epochs=2, steps_per_epoch=7, verbose=False)
    assert int(trainer.model.optimizer.iterations) == 14
    with pytest.raises(ValueError, match=re.escape("Call `dataset.repeat()`")):
        trainer.fit(dataset.take(3), steps_per_epoch=7, verbose=False)


def test_averaged_weights_match_keras():
    x, y = toy(64)
    weights = []
    for ours in (False, True):
        trainer = plain_trainer(optimizer=keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9))
        if ours:
            trainer.fit(x, y, epochs=3, shuffle=False, verbose=False)
        else:
            trainer.model.fit(x, y, epochs=3, shuffle=False, verbose=0)
        weights.append(trainer.model.get_weights())
    for theirs, ours in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_stop_within_an_epoch():
    class Stop(keras.callbacks.Callback):
        every_batch = True

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    trainer = plain_trainer()
    trainer.fit(*toy(160), epochs=3, callbacks=[Stop()], verbose=False)
    assert int(trainer.model.optimizer.iterations) == 2


def test_callback_errors(tmp_path):
    class Full(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise OSError(28, "No space left on device")

    x, y = toy(64)
    trainer = plain_trainer()
    with pytest.raises(OSError, match="No space left"):
        trainer.fit(x, y, callbacks=[Full()])
    with raises_argument_error(
        "callbacks", expected="not contain BackupAndRestore", remedy="pass `checkpoints` and `resume=True`"
    ):
        trainer.fit(x, y, callbacks=[keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))])


def test_array_metrics(tmp_path):
    x, y = toy(64)
    one_hot = np.eye(3, dtype="float32")[y]
    f1 = keras.metrics.F1Score(average=None)
    trainer = Trainer(plain_trainer().model, "sgd", "categorical_crossentropy", [f1], jit=False)
    history = trainer.fit(x, one_hot, checkpoints=tmp_path).history
    assert np.shape(history["f1_score"]) == (1, 3)


def test_custom_trainer_state(tmp_path, monkeypatch):
    monkeypatch.setattr("tensorsmith.training.loop.jit.SHORT_RUN", 0)

    class Own(Trainer):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.counts = [keras.Variable(0.0)]

        def train_step(self, data):
            self.counts[0].assign_add(1.0)
            return super().train_step(data)

    x, y = toy(64)
    first, second = plain_trainer(Own, jit="auto"), plain_trainer(Own, jit="auto")
    first.fit(x, y, epochs=2, verbose=False, checkpoints=tmp_path)
    assert float(first.counts[0]) == 4
    second.fit(x, y, epochs=3, verbose=False, checkpoints=tmp_path, resume=True)
    assert float(second.counts[0]) == 6


def test_custom_step_with_other_input_shape():
    class Images(Trainer):
        def train_step(self, data):
            (images,) = data
            return {"loss": tf.reduce_mean(self.model(images[:, 0]))}

    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    images = np.zeros((64, 4, 10), "float32")
    for data in (images, tf.data.Dataset.from_tensor_slices(images).batch(32)):
        history = Images(model, "sgd", jit=False).fit(data, verbose=False)
        assert history.history["loss"] == [0.0]


def test_resume_after_early_stopping(tmp_path):
    x, y = toy(64)
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100.0)
    for resume in (False, True):
        trainer = plain_trainer()
        history = trainer.fit(x, y, epochs=5, callbacks=[stop], verbose=False, checkpoints=tmp_path, resume=resume)
        assert len(history.history["loss"]) == 2


def test_infinite_stream_resumes(tmp_path):
    stream = tf.data.Dataset.from_tensor_slices(toy()).repeat().batch(32)
    fit = dict(steps_per_epoch=3, verbose=False)
    whole = plain_trainer().fit(stream, epochs=3, **fit)
    plain_trainer().fit(stream, epochs=2, checkpoints=tmp_path, **fit)
    rest = plain_trainer()
    assert rest.fit(stream, epochs=3, checkpoints=tmp_path, resume=True, **fit).history == whole.history


def test_fit_shuffles_with_global_seed():
    def losses():
        trainer = plain_trainer(optimizer=keras.optimizers.SGD(0.0))
        order = []

        class First(keras.callbacks.Callback):
            every_batch = True

            def on_train_batch_end(self, batch, logs=None):
                if batch == 0:
                    order.append(logs["loss"])

        for _ in range(2):
            trainer.fit(*toy(64), callbacks=[First()], verbose=False)
        return order

    first = losses()
    assert first[0] != first[1]
    assert first == losses()


def test_steps_per_epoch_with_arrays():
    """Tests epochs of different lengths against one of 21 steps. A pass over the arrays has 5 steps."""
    x, y = toy()
    trainer = plain_trainer()
    first = trainer.model.get_weights()
    weights = []
    for per_epoch in (21, 1, 3, 7):
        trainer.model.set_weights(first)
        fit = dict(epochs=21 // per_epoch, steps_per_epoch=per_epoch, seed=4, verbose=False)
        history = trainer.fit(x, y, validation_data=(x, y), **fit).history
        assert len(history["val_loss"]) == 21 // per_epoch
        weights.append(trainer.model.get_weights())
    for others in weights[1:]:
        for one, other in zip(weights[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
