"""Tests that a resumed run equals an uninterrupted one."""

import random

import keras
import numpy as np
import pytest
from resumable import (
    EPOCHS,
    Reused,
    StopAt,
    StopError,
    arrays,
    assert_same,
    compare_with_whole,
    data,
    endless,
    endless_generated,
    even,
    fit_to_end,
    generated,
    of_unknown_length,
    plain_model,
    reused,
    shuffled,
    trainer_of,
    unbroken,
)

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Checkpoints, Profile, Trainer
from tensorsmith.training.checkpoint.callback_state import CallbackState


@pytest.mark.parametrize(
    ("source", "stop"),
    [
        (arrays, 7),
        (shuffled, 17),
        (of_unknown_length, 13),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(arrays, 1), (arrays, 10), (shuffled, 7)]),
        pytest.param(generated, 13, marks=pytest.mark.slow),
    ],
)  # within epochs of five steps, and at the end of one
def test_resumed_run_matches_uninterrupted_run(source, stop, tmp_path):
    compare_with_whole(tmp_path, reused, source, stop, seed=11)


@pytest.mark.parametrize("source", [arrays, shuffled])
def test_resume_with_new_trainer(source, tmp_path):
    """Tests resuming with a trainer that has not been built or traced."""
    compare_with_whole(tmp_path, reused, source, 7, seed=11, other=trainer_of)


@pytest.mark.parametrize("every", ["1 epoch", "1 step", "30%", "0.001 s"])
def test_save_frequency(every, tmp_path):
    compare_with_whole(tmp_path, reused, every=every, seed=11)


def test_saved_at_end_of_stream_of_unknown_length(tmp_path):
    compare_with_whole(tmp_path, reused, of_unknown_length, stop=6, every="5 steps")


@pytest.mark.parametrize("source", [pytest.param(arrays, marks=pytest.mark.slow), endless, endless_generated])
def test_steps_per_epoch(source, tmp_path):
    compare_with_whole(tmp_path, reused, source, steps_per_epoch=7)


def test_resume_with_xla(tmp_path):
    compare_with_whole(tmp_path, Reused(lambda: trainer_of(jit=True)), even, seed=11)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=3),
        pytest.param(
            lambda: keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.01, 20), global_clipnorm=1.0),
            marks=pytest.mark.slow,
        ),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), dynamic_growth_steps=4),
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=4),
    ],
)
def test_optimizer_state(optimizer, tmp_path):
    make = Reused(lambda: trainer_of(optimizer=optimizer(), dtype="mixed_float16"))
    compare_with_whole(tmp_path, make, even, seed=11)


def test_keras_callback_state(tmp_path):
    def callbacks():
        return [
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=2, min_delta=1.0),
            keras.callbacks.EarlyStopping("val_loss", patience=5, min_delta=1.0, restore_best_weights=True),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ]

    validation = data()
    rest = compare_with_whole(
        tmp_path, reused, stop=18, epochs=9, callbacks=callbacks, validation_data=validation, seed=11
    )
    assert len(rest.model.history.epoch) == 6  # one epoch that improves, and a patience of five


def test_early_stopping_patience_may_change(tmp_path):
    fit = dict(epochs=9, validation_data=data(), verbose=False, checkpoints=tmp_path)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=7, min_delta=10.0)
    with pytest.raises(StopError):
        reused().fit(*data(), callbacks=[stop, StopAt(12)], **fit)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=10.0)
    assert len(reused().fit(*data(), callbacks=[stop], resume=True, **fit).epoch) == 3


def test_global_random_seed(tmp_path):
    class Noisy(Trainer):
        def train_step(self, data):
            x, y = data
            return super().train_step((x + keras.random.normal(keras.ops.shape(x)), y))

    def make():
        return Noisy(plain_model(), "sgd", "sparse_categorical_crossentropy", jit=False, steps_per_loop=2)

    compare_with_whole(tmp_path, make, even, stop=9, seed=11)


def test_python_and_numpy_generators(tmp_path):
    drawn = []

    class Draw(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            drawn.append((random.random(), np.random.random()))

    compare_with_whole(tmp_path, reused, callbacks=lambda: [Draw()], seed=11)
    whole, rest = drawn[:EPOCHS], drawn[EPOCHS:]
    assert rest[-2:] == whole[-2:]
    assert len(set(whole)) == EPOCHS


def test_resume_finished_run(tmp_path):
    expected = fit_to_end(reused(), *data(), epochs=2, checkpoints=tmp_path)
    assert_same(fit_to_end(reused(), *data(), epochs=2, checkpoints=tmp_path, resume=True), expected)
    more = fit_to_end(reused(), *data(), epochs=3, checkpoints=tmp_path, resume=True)
    assert_same(more, unbroken(reused, arrays, epochs=3))


def test_resume_unseeded_run(tmp_path):
    """Tests that an unseeded run draws new random numbers, but a resumed one continues with its own."""
    ends = []
    for seeds in ((1, 1), (1, 2)):
        folder = tmp_path / str(seeds)
        for seed, stop in zip(seeds, (3, 0), strict=True):
            trainer = reused()
            keras.utils.set_random_seed(seed)
            trainer.model.layers[0].kernel.assign(keras.random.normal((5, 8), seed=seed))
            try:
                trainer.fit(*data(), epochs=2, verbose=False, checkpoints=folder, resume=True, callbacks=[StopAt(stop)])
            except StopError:
                continue
        ends.append(trainer.model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


class Toggle(keras.callbacks.Callback):
    """Callback with state of different types: a boolean, an array, a list and a string."""

    every_batch = True

    def __init__(self):
        super().__init__()
        self.on = False
        self.seen = np.zeros(2)
        self.losses = []
        self.name = "none"

    def on_epoch_begin(self, epoch, logs=None):
        self.on = not self.on
        self.name = f"epoch {epoch}"

    def on_train_batch_end(self, batch, logs=None):
        self.seen = self.seen + np.array([1, self.on])
        self.losses.append(logs["loss"])
        self.model.optimizer.learning_rate = 0.02 if self.on else 0.005


@pytest.mark.parametrize("stop", [8, 13])
def test_custom_callback_state(stop, tmp_path):
    made = []

    def callbacks():
        made.append(Toggle())
        return [made[-1]]

    compare_with_whole(tmp_path, reused, stop=stop, callbacks=callbacks, seed=11)
    whole, _, rest = made
    assert (rest.on, rest.losses, rest.name) == (whole.on, whole.losses, whole.name)
    np.testing.assert_array_equal(rest.seen, whole.seen)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("TensorBoard", "_val_dir", "/tmp/other"),
        ("TensorBoard", "_val_dir", "other"),
        ("TensorBoard", "log_dir", None),
        ("ModelCheckpoint", "filepath", "other.keras"),
        ("BackupAndRestore", "backup_dir", "other"),
        ("BackupAndRestore", "_weights_path", 3),
        ("Profile", "_folder", "other"),
        ("CSVLogger", "sep", "/etc/passwd"),
        ("CSVLogger", "keys", ["loss", "../own"]),
        ("TensorBoard", "_writers", {"train": "abc"}),
        ("TensorBoard", "_is_tracing", True),
        ("TensorBoard", "write_steps_per_second", True),
        ("TensorBoard", "update_freq", "batch"),
        ("TensorBoard", "_global_train_batch", 10**400),
        ("EarlyStopping", "monitor", "other"),
        ("EarlyStopping", "patience", 3),
        ("EarlyStopping", "wait", "3"),
        ("EarlyStopping", "wait", [3]),
        ("EarlyStopping", "best_weights", {"a": "own.py"}),
        ("EarlyStopping", "on_epoch_end", 3),
        ("EarlyStopping", "model", 3),
        ("EarlyStopping", "_model", 3),
        ("EarlyStopping", "__class__", 3),
        ("EarlyStopping", "__dict__", {}),
        ("EarlyStopping", "a b", 3),
    ],
)
def test_hostile_callback_state(kind, name, value, tmp_path, caplog):
    """With these values, callbacks would write to files of the user, or fail."""
    arguments = {"TensorBoard": "logs", "ModelCheckpoint": "a.keras", "BackupAndRestore": "backup", "CSVLogger": "a"}
    made = Profile("logs") if kind == "Profile" else getattr(keras.callbacks, kind)(arguments.get(kind, "loss"))
    state = CallbackState([made])
    before = dict(vars(made))
    other = "_global_train_batch" if kind == "TensorBoard" and name != "_global_train_batch" else "count"
    state.restore({f"{kind}#0": {name: value, other: 3}}, {})
    if kind != "TensorBoard" or name != "_global_train_batch":
        before[other] = 3  # the other attributes are restored
    assert vars(made) == before
    assert f"of {kind} is not restored" in caplog.text


def test_hostile_arrays_of_callbacks():
    stop = keras.callbacks.EarlyStopping("loss")
    state = CallbackState([stop])
    words, numbers = np.array([b"own"], object), np.ones(2)
    paths = ["x", "x/y", "EarlyStopping#0", "EarlyStopping#0/best_weights/", "EarlyStopping#0/best_weights/0001/more"]
    for value in (words, numbers):
        state.restore({}, {f"callbacks/{path}": value for path in paths[:-1]})
        assert stop.best_weights is (None if value is words else numbers)
    state.restore({}, {f"callbacks/{paths[-1]}": numbers})
    state.restore({}, {"callbacks/EarlyStopping#0/wait/": numbers, "callbacks/EarlyStopping#0/on_epoch_end/": numbers})
    assert stop.wait == 0
    assert callable(stop.on_epoch_end)


def test_paths_are_not_part_of_callback_state():
    class Named(keras.callbacks.Callback):
        count = 0

    named = Named()
    state = CallbackState([named])
    named.count, named.phase, named.best_file, named.best = 3, "warm-up", "best", "runs/3.keras"
    assert state.plain() == {"Named#0": {"count": 3, "phase": "warm-up"}}
    again = Named()
    CallbackState([again]).restore(state.plain(), {})
    assert (again.count, again.phase) == (3, "warm-up")


def test_callbacks_are_matched_by_class(tmp_path, caplog):
    def stopping():
        return keras.callbacks.EarlyStopping("loss", patience=5, min_delta=10.0)

    fit = dict(epochs=9, verbose=False, checkpoints=tmp_path)
    with pytest.raises(StopError):
        reused().fit(*data(), callbacks=[Toggle(), stopping(), StopAt(12)], **fit)
    stop = stopping()
    reused().fit(*data(), callbacks=[keras.callbacks.TerminateOnNaN(), stop], resume=True, **fit)
    assert stop.stopped_epoch == 5
    assert "Toggle, which is not part of this run" in caplog.text


def test_extension_of_a_stopped_run(tmp_path):
    """With `extend`, a run that a callback stopped ends like one that was not stopped."""

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 0

    fit = dict(epochs=3, seed=11)
    expected = fit_to_end(reused(), *data(), **fit)
    stopped = fit_to_end(reused(), *data(), callbacks=[Stop()], checkpoints=tmp_path, **fit)
    assert stopped.epoch == [0]
    again = fit_to_end(reused(), *data(), checkpoints=tmp_path, resume=True, **fit)
    assert again.epoch == [0]
    extended = fit_to_end(reused(), *data(), checkpoints=tmp_path, resume=True, extend=True, **fit)
    assert extended.epoch == [0, 1, 2]
    assert_same(extended, expected)
    with raises_argument_error("extend", received="True", expected="False unless `resume` is True"):
        reused().fit(*data(), extend=True, verbose=False)


def test_stop_within_epoch_then_kill(tmp_path, monkeypatch):
    class StopWithin(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.model.optimizer.iterations == 7

    class Kill(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            if self.model.optimizer.iterations == 7:
                raise StopError

    monkeypatch.setattr(reused(), "steps_per_loop", 1)
    fit = dict(epochs=EPOCHS, validation_data=data(), seed=11)
    expected = fit_to_end(reused(), *data(), callbacks=[StopWithin()], **fit)
    checkpoints = Checkpoints(tmp_path, "1 step")
    with pytest.raises(StopError):
        fit_to_end(reused(), *data(), callbacks=[StopWithin(), Kill()], checkpoints=checkpoints, **fit)
    end = fit_to_end(reused(), *data(), callbacks=[StopWithin()], checkpoints=checkpoints, resume=True, **fit)
    assert_same(end, expected)
    assert end.epoch == [0, 1]


class Factor(keras.constraints.Constraint):
    """Constraint with a variable that belongs to no layer."""

    def __init__(self, shape, name):
        self.factor = keras.Variable(np.full(shape, 0.5, "float32"), trainable=False, name=name)

    def __call__(self, w):
        return w * self.factor


def test_numbers_in_names_are_compared_as_numbers(tmp_path):
    """A model that is built again has other numbers in its names: 8 and 9 before, here, and 9 and 10 afterwards."""

    def build(first):
        layers = [
            keras.layers.Dense(units, kernel_constraint=Factor((inputs, units), f"factor_{number}"))
            for number, (inputs, units) in enumerate([(3, 4), (4, 1)], first)
        ]
        return Trainer(keras.Sequential([keras.Input((3,)), *layers]), "sgd", "mean_squared_error")

    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    build(8).fit(x, y, epochs=1, seed=0, checkpoints=Checkpoints(tmp_path), verbose=False)
    resumed = build(9)
    resumed.fit(x, y, epochs=2, seed=0, checkpoints=Checkpoints(tmp_path), resume=True, extend=True, verbose=False)
    assert len(resumed.history.history["loss"]) == 2
