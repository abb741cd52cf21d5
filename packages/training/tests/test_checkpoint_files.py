"""Tests of checkpoint files: corruption, retention and rejection."""

import json
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

from tensorsmith.core import Duration, Timeline
from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Checkpoints, Trainer
from tensorsmith.training.checkpoint.checkpoint_folder import (
    FILES,
    METADATA,
    STATE,
    DamagedCheckpointError,
    finish,
    new_draft,
    read,
)
from tensorsmith.training.checkpoint.metadata import _is_random
from tensorsmith.training.fit.random_state import random_state
from tensorsmith.training.fit.recurring import Recurring
from tensorsmith.training.fit.run import VARIABLE


def test_stateful_stream(tmp_path):
    noisy = tf.data.Dataset.from_tensor_slices(data()).map(lambda x, y: (x + tf.random.uniform((5,)), y)).batch(32)
    with raises_argument_error("x", expected="not contain stateful operations when checkpoints are written"):
        reused().fit(noisy, verbose=False, checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []
    reused().fit(*data(), validation_data=noisy, verbose=False, checkpoints=tmp_path)  # the weights do not depend on it


def test_checkpoint_of_another_model(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    wider = keras.Sequential([keras.Input((5,)), keras.layers.Dense(16), keras.layers.Dense(3, "softmax")])
    before = wider.get_weights()
    with raises_argument_error(
        "checkpoint", expected="match the model, the optimizer and the metrics, which have 19 variables"
    ):
        Trainer(wider, "adam", "sparse_categorical_crossentropy", ["accuracy"], jit=False).fit(
            *data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True
        )
    for kept, weight in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_existing_checkpoints_without_resume(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    with raises_argument_error(
        "checkpoints", expected="an empty folder", remedy="pass `resume=True`, or another folder"
    ):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Function that copies the checkpoints of a run that was stopped in its second epoch, and returns the newest."""
    folders = {}

    def copy(source, folder):
        if source not in folders:
            folders[source] = tmp_path_factory.mktemp("stopped")
            checkpoints = Checkpoints(folders[source], "2 steps")
            with pytest.raises(StopError):
                reused().fit(*source(), epochs=2, verbose=False, checkpoints=checkpoints, callbacks=[StopAt(8)])
        shutil.copytree(folders[source], folder, dirs_exist_ok=True)
        return sorted(folder.iterdir())[-1]

    return copy


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
def test_damaged_checkpoint_is_skipped(name, damage, stopped, tmp_path, caplog):
    newest = stopped(shuffled, tmp_path)
    damage(newest / name)
    end = fit_to_end(reused(), *shuffled(), epochs=2, checkpoints=tmp_path, resume=True)
    assert_same(end, unbroken(reused, shuffled, epochs=2))
    assert f"{newest} is damaged" in caplog.text


def write_again(checkpoint, metadata, **values):
    """Writes a checkpoint with other metadata. The checksums are valid, as if somebody else had written it."""
    draft = new_draft(checkpoint.parent)
    for file in checkpoint.glob("train.*"):
        shutil.copy(file, draft)
    finish(draft, checkpoint.name, {**read(checkpoint)[0], **values}, json.dumps(metadata))


OTHER_METADATA = [
    {},
    [1],
    3,
    {"position": {"epoch": "x", "step": 0, "total": 0, "begun": False}},
    {"position": {"epoch": 0, "step": 0, "total": 0, "begun": False, "path": "own"}},
    {"position": 3},
    {"random": {}},
    {"random": {"python": [3, [1, 2], None], "numpy": ["MT19937", [1] * 624, 624, 0, 0.0]}},
    {"data": {"batch_size": "32"}},
    {"data": []},
    {"callbacks": {"Toggle#0": 3}},
    {"history": {"loss": ["x"]}},
    {"history": {"loss": [1, [2]]}},
    {"history": {"loss": [10**400]}},
    {"history": {"\ud800": [1.0]}},
    {"logs": {"loss": "x"}},
    {"state": {"optimizer": [], "metrics": [], "variables": [3]}},
    {"stopped": "no"},
    {"seed": None},
]


@pytest.mark.parametrize("metadata", OTHER_METADATA, ids=str)
def test_checkpoint_with_other_metadata_is_skipped(metadata, stopped, tmp_path, caplog):
    newest = stopped(arrays, tmp_path)
    write_again(newest, {**read(newest)[1], **metadata} if metadata and isinstance(metadata, dict) else metadata)
    end = fit_to_end(reused(), *arrays(), epochs=2, checkpoints=tmp_path, resume=True)
    assert_same(end, unbroken(reused, arrays, epochs=2))
    assert f"{newest} is damaged" in caplog.text


def test_position_of_random_numbers_outside_of_the_state():
    """NumPy would read outside of the array."""
    state = random_state()
    assert _is_random(json.loads(json.dumps(state)))
    for position in (-1, 625, 10**9, "1", 1.5):
        assert not _is_random({**state, "numpy": ["MT19937", [1] * 624, position, 0, 0.0]})


def test_other_variables_than_described(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    newest = sorted(tmp_path.iterdir())[-1]
    write_again(newest, read(newest)[1], **{VARIABLE.format(0): np.zeros(3, "float32")})
    with raises_argument_error("checkpoint", received="whose variables differ from their description"):
        reused().fit(*data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True)


@pytest.mark.parametrize("kind", ["outside", "pipe", "device", "folder", "data", "no list"])
def test_special_files_in_checkpoints(kind, stopped, tmp_path, caplog):
    """Reading a named pipe would not return, and reading /dev/zero would fill the memory."""
    newest = stopped(shuffled, tmp_path / "checkpoints")
    os.mkfifo(tmp_path / "pipe")
    if kind == "data":
        (newest / "state.data-00000-of-00001").unlink()
        os.mkfifo(newest / "state.data-00000-of-00001")
    elif kind == "folder":
        (newest / "more").mkdir()
    elif kind == "device":
        (newest / "more").symlink_to("/dev/zero")
    else:
        names = {"outside": {str(tmp_path / "pipe"): 1}, "pipe": {"../../pipe": 1}, "no list": 3}[kind]
        values, metadata = read(newest)
        tensors = {**values, METADATA: np.array(json.dumps(metadata)), FILES: np.array(json.dumps(names))}
        tf.raw_ops.SaveV2(
            prefix=str(newest / STATE),
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=list(tensors.values()),
        )
    with pytest.raises(DamagedCheckpointError):
        read(newest)
    reused().fit(*shuffled(), epochs=2, verbose=False, checkpoints=tmp_path / "checkpoints", resume=True)
    assert f"{newest} is damaged" in caplog.text


def test_bit_flips_are_detected(tmp_path):
    reused().fit(*shuffled(), verbose=False, checkpoints=tmp_path / "sound")
    sound = sorted((tmp_path / "sound").iterdir())[-1]
    values, metadata = read(sound)
    rng = np.random.default_rng(0)
    for file in sorted(sound.iterdir()):
        for _ in range(25):
            copy = shutil.copytree(sound, tmp_path / "copy", dirs_exist_ok=True)
            content = bytearray(file.read_bytes())
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            (copy / file.name).write_bytes(content)
            try:
                found, found_metadata = read(copy)
            except DamagedCheckpointError:
                continue
            assert found_metadata == metadata
            assert all(np.array_equal(found[name], values[name]) for name in values)


def test_all_checkpoints_damaged(tmp_path):
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
def test_keep_last_and_keep_best(mode, best, tmp_path):
    scores = [0.1, 0.9, 0.5, 0.7, 0.5, 0.3, 0.4]
    options = Checkpoints(tmp_path, "1 epoch", keep_last=1, keep_best=2, monitor="score", mode=mode)
    reused().fit(*data(), epochs=7, verbose=False, checkpoints=options, callbacks=[Score(scores)])
    assert [int(path.name[6:12]) for path in sorted(tmp_path.iterdir())] == sorted({*best, 7})


def test_keep_best_across_runs(tmp_path):
    options = Checkpoints(tmp_path, "1 hour", keep_last=1, keep_best=1, monitor="score", mode="max")
    fit = dict(verbose=False, checkpoints=options, callbacks=[Score([0.1, 0.9, 0.5, 0.7])])
    reused().fit(*data(), epochs=3, **fit)
    reused().fit(*data(), epochs=4, resume=True, **fit)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "epoch-000002-step-000000000",
        "epoch-000004-step-000000000",
    ]


def test_unknown_monitor(tmp_path):
    with raises_argument_error("monitor", received="'val_los'", remedy="Did you mean val_loss"):
        reused().fit(
            *data(),
            validation_data=data(),
            verbose=False,
            checkpoints=Checkpoints(tmp_path, keep_best=1, monitor="val_los"),
        )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"every": "3 fortnights"}, {"name": "every", "expected": "a number of steps"}),
        ({"every": 0}, {"name": "every", "expected": "a positive duration"}),
        ({"keep_last": 0}, {"name": "keep_last", "expected": ">= 1"}),
        ({"keep_best": -1}, {"name": "keep_best", "expected": "a non-negative integer"}),
        ({"mode": "best"}, {"name": "mode", "expected": '"min" or "max"'}),
    ],
)
def test_bad_options(options, error):
    with raises_argument_error(**error):
        Checkpoints("folder", **options)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_signal_saves_checkpoint(number, error, tmp_path):
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


def test_unwritable_checkpoint_folder(tmp_path):
    class Lose(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            (tmp_path / "folder").rename(tmp_path / "moved")  # atomic: a checkpoint may be written at this moment
            (tmp_path / "folder").write_text("in the way")

    with pytest.raises(OSError, match="folder"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path / "folder", callbacks=[Lose()])


def test_incomplete_checkpoint_is_removed(tmp_path):
    (tmp_path / ".draft-killed").mkdir()
    (tmp_path / ".draft-killed" / "state.index").write_text("half")
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    assert not (tmp_path / ".draft-killed").exists()


def test_resume_with_fewer_epochs(tmp_path):
    checkpoints = Checkpoints(tmp_path, "1 step")
    with pytest.raises(StopError):
        reused().fit(*data(), epochs=4, verbose=False, checkpoints=checkpoints, callbacks=[StopAt(14)])
    with raises_argument_error("epochs", received="2", expected=">= 3, the epoch of the checkpoint to resume"):
        reused().fit(*data(), epochs=2, verbose=False, checkpoints=checkpoints, resume=True)


def test_resume_after_stop_in_first_epoch(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.stop_training = True

    checkpoints = Checkpoints(tmp_path, "1 step", keep_last=9)
    reused().fit(*data(), epochs=4, verbose=False, checkpoints=checkpoints, callbacks=[Stop()])
    first, *others = sorted(tmp_path.glob("epoch-*"))
    assert others
    for other in others:
        shutil.rmtree(other)
    history = reused().fit(*data(), epochs=4, verbose=False, checkpoints=checkpoints, resume=True)
    assert history.epoch == []


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"batch_size": 64}, {"name": "x", "expected": "have a batch size of 32 and 5 steps per epoch, as in the run"}),
        ({"seed": 12}, {"name": "seed", "received": "12", "expected": "None or 11 (the seed of the run to resume)"}),
    ],
)
def test_resume_with_other_arguments(other, error, tmp_path):
    fit = dict(epochs=2, verbose=False, checkpoints=tmp_path, seed=11)
    reused().fit(*data(), **fit)
    with raises_argument_error(**error):
        reused().fit(*data(), resume=True, **{**fit, "epochs": 3, **other})


def test_resume_with_another_optimizer(tmp_path):
    reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    with raises_argument_error(
        "checkpoint",
        expected="match the optimizer ['Adagrad'] of the model",
        remedy="resume with the model, the optimizer and the metrics",
    ):
        trainer_of(optimizer=keras.optimizers.Adagrad(0.1)).fit(
            *data(), epochs=2, verbose=False, checkpoints=tmp_path, resume=True
        )


def test_stateful_random_ops_in_training_step(tmp_path):
    class Noisy(Trainer):
        def train_step(self, data):
            x, y = data
            return super().train_step((x + tf.random.normal(tf.shape(x)), y))

    trainer = Noisy(plain_model(), "sgd", "sparse_categorical_crossentropy", jit=False)
    with raises_argument_error("checkpoints", expected="None for training steps with stateful random ops"):
        trainer.fit(*even(), verbose=False, checkpoints=tmp_path)
    trainer.fit(*even(), verbose=False)


def test_unseeded_shuffle_warning(tmp_path, caplog):
    tf.random.set_seed(None)
    stream = tf.data.Dataset.from_tensor_slices(data()).shuffle(64).batch(32)
    reused().fit(stream, verbose=False, checkpoints=tmp_path)
    assert "pass a seed to each shuffle" in caplog.text


def test_concurrent_runs(tmp_path):
    class Second(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                with raises_argument_error("checkpoints", expected="a folder that no other run uses"):
                    trainer_of().fit(*data(), verbose=False, checkpoints=tmp_path, resume=True)

    fit = dict(verbose=False, checkpoints=Checkpoints(tmp_path, "1 step"))
    reused().fit(*data(), epochs=3, callbacks=[Second()], **fit)
    assert len(reused().fit(*data(), epochs=4, resume=True, **fit).epoch) == 4


def test_array_metrics_are_restored(tmp_path):
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
    with raises_argument_error("monitor", expected="the name of a scalar metric, not of an array of shape (3,)"):
        fit(1, Checkpoints(tmp_path / "other", monitor="f1_score", keep_best=1))


def test_unsupported_logs(tmp_path):
    class Odd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["where"] = tmp_path

    with raises_argument_error("logs", expected="contain only numbers and arrays"):
        reused().fit(*data(), verbose=False, checkpoints=tmp_path, callbacks=[Odd()])


def test_first_checkpoint_after_ten_seconds(monkeypatch):
    """Tests that intervals in units of time start with a short interval, which the initial checkpoint does not end."""
    now = 100.0
    monkeypatch.setattr("tensorsmith.training.fit.recurring.time.monotonic", lambda: now)
    every = Recurring(Duration.parse("1 minute"), Timeline(), "every", first_seconds=10.0)
    every.done()
    due = []
    for now in range(101, 300):
        if every.due_after(0):
            due.append(now)
            every.done()
    assert due == [110, 170, 230, 290]


def test_checkpoint_folders_follow_umask(tmp_path):
    before = os.umask(0o027)
    try:
        reused().fit(*data(), verbose=False, checkpoints=tmp_path)
    finally:
        os.umask(before)
    checkpoint = next(tmp_path.iterdir())
    assert checkpoint.stat().st_mode & 0o777 == 0o750
