"""Checkpoints: a run that goes on from one is the run that was never stopped; damage, other models, what stays."""

import itertools
import os
import random
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import Checkpoints, Trainer
from tensorsmith.training.checkpoint_folder import DamagedCheckpointError, read

EPOCHS = 4


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5)).astype("float32")  # four steps of 32 and one of 22
    return x, x[:, :3].argmax(axis=1)


def arrays():
    return data()


def shuffled():
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).batch(32).prefetch(2),)


def of_unknown_length():
    return (tf.data.Dataset.from_tensor_slices(data()).filter(lambda x, y: True).shuffle(64, seed=1).batch(32),)


def generated():
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    stream = tf.data.Dataset.from_generator(lambda: zip(x, y, strict=True), output_signature=spec)
    return (stream.shuffle(64, seed=1).batch(32),)


def endless():
    return (tf.data.Dataset.from_tensor_slices(data()).shuffle(64, seed=1).repeat().batch(32),)


def endless_generated():
    x, y = data()
    spec = (tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int64))
    pairs = tf.data.Dataset.from_generator(
        lambda: itertools.cycle(zip(x, y, strict=True)), output_signature=spec
    )  # fmt: skip
    return (pairs.batch(32),)


def trainer_of(jit=False, optimizer=None, dtype=None):
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(8, "relu", dtype=dtype),
        keras.layers.BatchNormalization(dtype=dtype),
        keras.layers.Dropout(0.5, dtype=dtype),
    ]
    model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, "softmax", dtype="float32")])
    optimizer = optimizer or keras.optimizers.Adam(0.01)
    return Trainer(model, optimizer, "sparse_categorical_crossentropy", ["accuracy"], jit=jit, steps_per_loop=2)


class StopError(Exception):
    """What the callback below raises."""


class StopAt(keras.callbacks.Callback):
    """Ends a run as a crash does, after some steps."""

    every_batch = True

    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise StopError


def assert_same(trainer, history, expected_trainer, expected):
    assert history.history == expected.history
    assert history.epoch == expected.epoch
    for ours, theirs in zip(trainer.model.get_weights(), expected_trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def compare_with_whole(tmp_path, make, source=arrays, stop=12, every="3 steps", **fit):
    """Trains once to the end without checkpoints, and once with a crash; both must have the same losses and weights."""
    whole = make()
    callbacks = fit.pop("callbacks", lambda: [])
    fit = {"epochs": EPOCHS, "verbose": False, **fit}
    expected = whole.fit(*source(), callbacks=callbacks(), **fit)
    checkpoints = Checkpoints(tmp_path, every=every)
    with pytest.raises(StopError):
        make().fit(*source(), checkpoints=checkpoints, callbacks=[*callbacks(), StopAt(stop)], **fit)
    rest, again = make(), source()
    keras.utils.set_random_seed(99)  # nothing hangs on what the process has drawn before
    history = rest.fit(*again, checkpoints=checkpoints, resume=True, callbacks=callbacks(), **fit)
    assert_same(rest, history, whole, expected)
    return rest


@pytest.mark.parametrize(
    ("source", "stop"),
    [(arrays, 1), (arrays, 7), (arrays, 10), (shuffled, 7), (shuffled, 17), (of_unknown_length, 13), (generated, 13)],
)  # within epochs of five steps, and at the end of one
def test_resumed_run_is_the_whole_run(source, stop, tmp_path):
    compare_with_whole(tmp_path, trainer_of, source, stop, seed=11)


@pytest.mark.parametrize("every", ["1 epoch", "1 step", "30%", "0.001 s"])
def test_whenever_it_was_saved(every, tmp_path):
    compare_with_whole(tmp_path, trainer_of, every=every, seed=11)


def test_saved_at_the_end_of_a_stream_whose_length_nobody_knew(tmp_path):
    compare_with_whole(tmp_path, trainer_of, of_unknown_length, stop=6, every="5 steps")


@pytest.mark.parametrize("source", [arrays, endless, endless_generated])
def test_epochs_that_are_no_passes(source, tmp_path):
    compare_with_whole(tmp_path, trainer_of, source, steps_per_epoch=7)


def test_compiled_by_xla(tmp_path):
    compare_with_whole(tmp_path, lambda: trainer_of(jit=True), seed=11)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=3),
        lambda: keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.01, 20), global_clipnorm=1.0),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), dynamic_growth_steps=4),
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=4),
    ],
)
def test_all_that_optimizers_keep(optimizer, tmp_path):
    compare_with_whole(tmp_path, lambda: trainer_of(optimizer=optimizer(), dtype="mixed_float16"), seed=11)


def test_what_callbacks_have_come_to(tmp_path):
    def callbacks():
        return [
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=2, min_delta=1.0),
            keras.callbacks.EarlyStopping("val_loss", patience=5, min_delta=1.0, restore_best_weights=True),
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ]

    validation = data()
    rest = compare_with_whole(
        tmp_path, trainer_of, stop=18, epochs=9, callbacks=callbacks, validation_data=validation, seed=11
    )
    assert len(rest.model.history.epoch) == 6  # one that improves and patience for five


def test_more_patience_may_be_given(tmp_path):
    fit = dict(epochs=9, validation_data=data(), verbose=False, checkpoints=tmp_path)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=7, min_delta=10.0)
    with pytest.raises(StopError):
        trainer_of().fit(*data(), callbacks=[stop, StopAt(12)], **fit)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=10.0)
    assert len(trainer_of().fit(*data(), callbacks=[stop], resume=True, **fit).epoch) == 3


def test_a_seed_that_no_layer_holds(tmp_path):
    class Noisy(Trainer):
        def train_step(self, data):
            x, y = data
            return super().train_step((x + keras.random.normal(keras.ops.shape(x)), y))

    def make():
        plain = trainer_of()
        return Noisy(plain.model, "adam", "sparse_categorical_crossentropy", jit=False, steps_per_loop=2)

    compare_with_whole(tmp_path, make, seed=11)


def test_generators_of_python_and_numpy(tmp_path):
    drawn = []

    class Draw(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            drawn.append((random.random(), np.random.random()))

    compare_with_whole(tmp_path, trainer_of, callbacks=lambda: [Draw()], seed=11)
    whole, rest = drawn[:EPOCHS], drawn[EPOCHS:]
    assert rest[-2:] == whole[-2:]
    assert len(set(whole)) == EPOCHS


def test_a_finished_run_stays_as_it_is(tmp_path):
    fit = dict(epochs=2, verbose=False, checkpoints=tmp_path)
    first, again = trainer_of(), trainer_of()
    expected = first.fit(*data(), **fit)
    assert_same(again, again.fit(*data(), resume=True, **fit), first, expected)
    more = trainer_of()
    assert len(more.fit(*data(), resume=True, **{**fit, "epochs": 3}).epoch) == 3


def test_unseeded_runs_go_on_as_themselves(tmp_path):
    """Weights, order and dropout are drawn anew by each run, but not by a resumed one."""
    ends = []
    for seeds in ((1, 1), (1, 2)):
        folder = tmp_path / str(seeds)
        for seed, stop in zip(seeds, (3, 0), strict=True):
            trainer = trainer_of()
            keras.utils.set_random_seed(seed)
            trainer.model.layers[0].kernel.assign(keras.random.normal((5, 8), seed=seed))
            try:
                trainer.fit(*data(), epochs=2, verbose=False, checkpoints=folder, resume=True, callbacks=[StopAt(stop)])
            except StopError:
                continue
        ends.append(trainer.model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_streams_that_keep_their_position_to_themselves_are_refused_by_name(tmp_path):
    noisy = tf.data.Dataset.from_tensor_slices(data()).map(lambda x, y: (x + tf.random.uniform((5,)), y)).batch(32)
    with pytest.raises(ValueError, match=r"`x`: received .* RandomUniform, .*stateless"):
        trainer_of().fit(noisy, verbose=False, checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []
    trainer_of().fit(*data(), validation_data=noisy, verbose=False, checkpoints=tmp_path)  # weights do not hang on it


def test_a_checkpoint_of_another_model_says_what_differs(tmp_path):
    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path)
    wider = keras.Sequential([keras.Input((5,)), keras.layers.Dense(16), keras.layers.Dense(3, "softmax")])
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"kernel \[5, 8\] float32, .* is .*kernel \[5, 16\] float32"):
        Trainer(wider, "adam", "sparse_categorical_crossentropy", ["accuracy"], jit=False).fit(
            *data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True
        )
    for kept, weight in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_checkpoints_of_another_run_are_not_mixed_up(tmp_path):
    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path)
    with pytest.raises(ValueError, match="give resume=True"):
        trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path)


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("state.index", truncate),
        ("state.data-00000-of-00001", flip),
        ("train.index", lambda file: file.unlink()),
        ("train.data-00000-of-00001", flip),
    ],
)
def test_a_damaged_checkpoint_is_passed_over(name, damage, tmp_path, caplog):
    whole = trainer_of()
    expected = whole.fit(*shuffled(), epochs=2, verbose=False)
    with pytest.raises(StopError):
        trainer_of().fit(
            *shuffled(), epochs=2, verbose=False, checkpoints=Checkpoints(tmp_path, "2 steps"), callbacks=[StopAt(8)]
        )
    newest = sorted(tmp_path.iterdir())[-1]
    damage(newest / name)
    rest = trainer_of()
    history = rest.fit(*shuffled(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True)
    assert_same(rest, history, whole, expected)
    assert f"{newest} is damaged" in caplog.text


def test_every_single_bit_of_damage_shows_or_does_no_harm(tmp_path):
    trainer_of().fit(*shuffled(), verbose=False, checkpoints=tmp_path / "sound")
    sound = sorted((tmp_path / "sound").iterdir())[-1]
    values, note = read(sound)
    rng = np.random.default_rng(0)
    for file in sorted(sound.iterdir()):
        for _ in range(25):
            copy = shutil.copytree(sound, tmp_path / "copy", dirs_exist_ok=True)
            content = bytearray(file.read_bytes())
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            (copy / file.name).write_bytes(content)
            try:
                found, found_note = read(copy)
            except DamagedCheckpointError:
                continue
            assert found_note == note
            assert all(np.array_equal(found[name], values[name]) for name in values)


def test_when_all_are_damaged_nothing_is_overwritten(tmp_path):
    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path)
    for checkpoint in tmp_path.iterdir():
        truncate(checkpoint / "state.data-00000-of-00001")
    with pytest.raises(ValueError, match="damaged"):
        trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path, resume=True)


class Score(keras.callbacks.Callback):
    """Puts given scores into the logs."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[epoch]


@pytest.mark.parametrize(("mode", "best"), [("max", [2, 4]), ("min", [1, 6])])
def test_the_last_and_the_best_stay(mode, best, tmp_path):
    scores = [0.1, 0.9, 0.5, 0.7, 0.5, 0.3, 0.4]
    options = Checkpoints(tmp_path, "1 epoch", keep_last=1, keep_best=2, monitor="score", mode=mode)
    trainer_of().fit(*data(), epochs=7, verbose=False, checkpoints=options, callbacks=[Score(scores)])
    assert [int(path.name[6:12]) for path in sorted(tmp_path.iterdir())] == sorted({*best, 7})


def test_the_best_stay_across_runs(tmp_path):
    options = Checkpoints(tmp_path, "1 hour", keep_last=1, keep_best=1, monitor="score", mode="max")
    fit = dict(verbose=False, checkpoints=options, callbacks=[Score([0.1, 0.9, 0.5, 0.7])])
    trainer_of().fit(*data(), epochs=3, **fit)
    trainer_of().fit(*data(), epochs=4, resume=True, **fit)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-000002-step-000000000",
        "epoch-000004-step-000000000",
    ]


def test_a_score_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="`monitor`: received 'val_los'.*did you mean val_loss"):
        trainer_of().fit(
            *data(),
            validation_data=data(),
            verbose=False,
            checkpoints=Checkpoints(tmp_path, keep_best=1, monitor="val_los"),
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": "3 fortnights"}, "a number of steps"),
        ({"every": 0}, "a duration above 0"),
        ({"keep_last": 0}, "1 or more"),
        ({"keep_best": -1}, "0 or more"),
        ({"mode": "best"}, '"min" or "max"'),
    ],
)
def test_bad_options(options, expected):
    with pytest.raises(ValueError, match=expected):
        Checkpoints("folder", **options)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_stops_between_steps_with_a_checkpoint(number, error, tmp_path):
    class Signal(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations == 7:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    whole, first, rest = trainer_of(), trainer_of(), trainer_of()
    fit = dict(epochs=2, seed=11, verbose=False)
    expected = whole.fit(*data(), **fit)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background jobs ignore it
    try:
        with pytest.raises(error):
            first.fit(*data(), checkpoints=tmp_path, callbacks=[Signal()], **fit)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert signal.getsignal(number) == before
    assert sorted(tmp_path.iterdir())[-1].name == "epoch-000001-step-000000004"
    assert_same(rest, rest.fit(*data(), checkpoints=tmp_path, resume=True, **fit), whole, expected)


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    class Lose(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            shutil.rmtree(tmp_path / "folder")
            (tmp_path / "folder").write_text("in the way")

    with pytest.raises(OSError, match="folder"):
        trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path / "folder", callbacks=[Lose()])


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    (tmp_path / ".draft-killed").mkdir()
    (tmp_path / ".draft-killed" / "state.index").write_text("half")
    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path)
    assert not (tmp_path / ".draft-killed").exists()
