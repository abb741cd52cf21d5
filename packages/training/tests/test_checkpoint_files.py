"""Tests of checkpoint files: corruption, retention and rejection."""

import os
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from resumable import (
    StopAt,
    StopError,
    arrays,
    assert_same,
    data,
    even,
    fit_to_end,
    plain_model,
    reused,
    shuffled,
    trainer_of,
    unbroken,
)

from tensorsmith.training import Checkpoints, Trainer
from tensorsmith.training.checkpoint.checkpoint_folder import DamagedCheckpointError, read


def test_streams_that_keep_their_position_to_themselves_are_refused_by_name(tmp_path):
    noisy = tf.data.Dataset.from_tensor_slices(data()).map(lambda x, y: (x + tf.random.uniform((5,)), y)).batch(32)
    with pytest.raises(ValueError, match="x must not contain stateful operations when checkpoints are written"):
        reused().fit(noisy, verbose=False, checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []
    reused().fit(*data(), validation_data=noisy, verbose=False, checkpoints=tmp_path)  # the weights do not depend on it


def test_a_checkpoint_of_another_model_says_what_differs(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    wider = keras.Sequential([keras.Input((5,)), keras.layers.Dense(16), keras.layers.Dense(3, "softmax")])
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"checkpoint must match the 19 variables of model, optimizer and metrics,"):
        Trainer(wider, "adam", "sparse_categorical_crossentropy", ["accuracy"], jit=False).fit(
            *data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True
        )
    for kept, weight in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_checkpoints_of_another_run_are_not_mixed_up(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    with pytest.raises(ValueError, match="checkpoints must be an empty folder.*Pass resume=True, or another folder"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path)


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
    checkpoints = Checkpoints(tmp_path, "2 steps")
    with pytest.raises(StopError):
        reused().fit(*shuffled(), epochs=2, verbose=False, checkpoints=checkpoints, callbacks=[StopAt(8)])
    newest = sorted(tmp_path.iterdir())[-1]
    damage(newest / name)
    end = fit_to_end(reused(), *shuffled(), epochs=2, checkpoints=tmp_path, resume=True)
    assert_same(end, unbroken(reused, shuffled, epochs=2))
    assert f"{newest} is damaged" in caplog.text


def test_every_single_bit_of_damage_shows_or_does_no_harm(tmp_path):
    reused().fit(*shuffled(), verbose=False, checkpoints=tmp_path / "sound")
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
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    for checkpoint in tmp_path.iterdir():
        truncate(checkpoint / "state.data-00000-of-00001")
    with pytest.raises(ValueError, match="damaged"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path, resume=True)


class Score(keras.callbacks.Callback):
    """Callback that adds given scores to the logs."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[epoch]


@pytest.mark.parametrize(("mode", "best"), [("max", [2, 4]), ("min", [1, 6])])
def test_the_last_and_the_best_stay(mode, best, tmp_path):
    scores = [0.1, 0.9, 0.5, 0.7, 0.5, 0.3, 0.4]
    options = Checkpoints(tmp_path, "1 epoch", keep_last=1, keep_best=2, monitor="score", mode=mode)
    reused().fit(*data(), epochs=7, verbose=False, checkpoints=options, callbacks=[Score(scores)])
    assert [int(path.name[6:12]) for path in sorted(tmp_path.iterdir())] == sorted({*best, 7})


def test_the_best_stay_across_runs(tmp_path):
    options = Checkpoints(tmp_path, "1 hour", keep_last=1, keep_best=1, monitor="score", mode="max")
    fit = dict(verbose=False, checkpoints=options, callbacks=[Score([0.1, 0.9, 0.5, 0.7])])
    reused().fit(*data(), epochs=3, **fit)
    reused().fit(*data(), epochs=4, resume=True, **fit)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-000002-step-000000000",
        "epoch-000004-step-000000000",
    ]


def test_a_score_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="monitor must .*got 'val_los'.*Did you mean val_loss"):
        reused().fit(
            *data(),
            validation_data=data(),
            verbose=False,
            checkpoints=Checkpoints(tmp_path, keep_best=1, monitor="val_los"),
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": "3 fortnights"}, "a number of steps"),
        ({"every": 0}, "a positive duration"),
        ({"keep_last": 0}, "keep_last must be >= 1"),
        ({"keep_best": -1}, "keep_best must be a non-negative integer"),
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
    fit = dict(epochs=2, seed=11)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by default in background jobs
    try:
        with pytest.raises(error):
            fit_to_end(reused(), *data(), checkpoints=tmp_path, callbacks=[Signal()], **fit)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert signal.getsignal(number) == before
    assert sorted(tmp_path.iterdir())[-1].name == "epoch-000001-step-000000004"
    end = fit_to_end(reused(), *data(), checkpoints=tmp_path, resume=True, **fit)
    assert_same(end, unbroken(reused, arrays, **fit))


def test_a_checkpoint_that_cannot_be_written(tmp_path):
    class Lose(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            (tmp_path / "folder").rename(tmp_path / "moved")  # atomic: a checkpoint may be written at this moment
            (tmp_path / "folder").write_text("in the way")

    with pytest.raises(OSError, match="folder"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path / "folder", callbacks=[Lose()])


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    (tmp_path / ".draft-killed").mkdir()
    (tmp_path / ".draft-killed" / "state.index").write_text("half")
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    assert not (tmp_path / ".draft-killed").exists()


def test_fewer_epochs_than_have_begun(tmp_path):
    checkpoints = Checkpoints(tmp_path, "1 step")
    with pytest.raises(StopError):
        reused().fit(*data(), epochs=4, verbose=False, checkpoints=checkpoints, callbacks=[StopAt(14)])
    with pytest.raises(ValueError, match="epochs must be >= 3 in order to resume, got 2"):
        reused().fit(*data(), epochs=2, verbose=False, checkpoints=checkpoints, resume=True)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"batch_size": 64}, "x must have a batch size of 32 and 5 steps per epoch, as before"),
        ({"seed": 12}, "seed must be 11, the seed of the run to resume, or None, got 12"),
    ],
)
def test_another_run_is_not_resumed(other, expected, tmp_path):
    fit = dict(epochs=2, verbose=False, checkpoints=tmp_path, seed=11)
    reused().fit(*data(), **fit)
    with pytest.raises(ValueError, match=expected):
        reused().fit(*data(), resume=True, **{**fit, "epochs": 3, **other})


def test_another_optimizer_is_refused_by_name(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    with pytest.raises(
        ValueError, match=r"checkpoint must be written with \['Adagrad'\].*Resume with the model, optimizer and metrics"
    ):
        trainer_of(optimizer=keras.optimizers.Adagrad(0.1)).fit(
            *data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True
        )


def test_steps_that_draw_from_a_state_nobody_can_save_are_refused_by_name(tmp_path):
    class Noisy(Trainer):
        def train_step(self, data):
            x, y = data
            return super().train_step((x + tf.random.normal(tf.shape(x)), y))

    trainer = Noisy(plain_model(), "sgd", "sparse_categorical_crossentropy", jit=False)
    with pytest.raises(ValueError, match="checkpoints must be None for training steps with stateful random ops"):
        trainer.fit(*even(), verbose=False, checkpoints=tmp_path)
    trainer.fit(*even(), verbose=False)


def test_shuffles_without_a_seed_are_told(tmp_path, caplog):
    tf.random.set_seed(None)
    stream = tf.data.Dataset.from_tensor_slices(data()).shuffle(64).batch(32)
    reused().fit(stream, verbose=False, checkpoints=tmp_path)
    assert "pass a seed to each shuffle" in caplog.text


def test_two_runs_in_one_folder(tmp_path):
    class Second(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                with pytest.raises(ValueError, match="checkpoints must be a folder that no other run uses"):
                    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path, resume=True)

    fit = dict(verbose=False, checkpoints=Checkpoints(tmp_path, "1 step"))
    reused().fit(*data(), epochs=3, callbacks=[Second()], **fit)
    assert len(reused().fit(*data(), epochs=4, resume=True, **fit).epoch) == 4


def test_metrics_of_many_values_come_back_as_arrays(tmp_path):
    x, y = even()
    one_hot = np.eye(3, dtype="float32")[y]

    def fit(epochs, checkpoints=tmp_path, **arguments):
        f1 = keras.metrics.F1Score(average=None)
        trainer = Trainer(plain_model(), "sgd", "categorical_crossentropy", [f1], jit=False)
        return trainer.fit(x, one_hot, epochs=epochs, verbose=False, checkpoints=checkpoints, **arguments).history

    first = fit(1)["f1_score"]
    again = fit(2, resume=True)["f1_score"]
    assert [type(value) for value in again] == [np.ndarray] * 2
    assert again[0].dtype == np.float32
    np.testing.assert_array_equal(first[0], again[0])
    with pytest.raises(
        ValueError, match=r"monitor must be the name of a scalar metric, not of an array of shape \(3,\)"
    ):
        fit(1, Checkpoints(tmp_path / "other", monitor="f1_score", keep_best=1))


def test_logs_that_no_file_can_hold(tmp_path):
    class Odd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["where"] = tmp_path

    with pytest.raises(ValueError, match="logs must contain only numbers and arrays"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path, callbacks=[Odd()])
