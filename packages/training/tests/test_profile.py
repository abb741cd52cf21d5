"""Tests of profiles: readable files, and the requested steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # format of the profile files

from tensorsmith.core import ArgumentError
from tensorsmith.training import Profile, Trainer


def fit(callbacks, batches=30, epochs=2):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    x = np.ones((8 * batches, 4), "float32")
    trainer = Trainer(model, keras.optimizers.SGD(), "mean_squared_error", jit=False)
    return trainer.fit(x, x[:, :2], batch_size=8, epochs=epochs, callbacks=callbacks, verbose=False)


def events(folder):
    """Returns the names of all events in the only profile of a folder."""
    (path,) = folder.glob("plugins/profile/*/*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    return [
        plane.event_metadata[event.metadata_id].name
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    ]


def test_number_of_traced_steps(tmp_path):
    fit([Profile(tmp_path, after=10, steps=7)])
    assert sum("MatMul" in name and "step" not in name for name in events(tmp_path)) >= 7


def test_trace_across_epochs(tmp_path):
    chunks = []
    between = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: chunks.append(batch))
    fit([Profile(tmp_path, after=28, steps=5), between])
    assert {27, 29, 2} <= set(chunks)  # from batch 28 of the first epoch to batch 3 of the second
    assert events(tmp_path)


def test_another_active_profile(tmp_path):
    tf.profiler.experimental.start(str(tmp_path / "other"))
    try:
        with pytest.raises(ArgumentError, match="use at most one profiler session"):
            fit([Profile(tmp_path, after=1)])
    finally:
        tf.profiler.experimental.stop(save=False)


def test_interrupted_run_saves_trace(tmp_path):
    def breaks(epoch, logs):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fit([Profile(tmp_path, after=2, steps=1000), keras.callbacks.LambdaCallback(on_epoch_end=breaks)])
    assert events(tmp_path)
    with pytest.raises(tf.errors.UnavailableError):
        tf.profiler.experimental.stop()


def test_too_few_steps(tmp_path, caplog):
    with caplog.at_level("INFO", "tensorsmith.training"):
        fit([Profile(tmp_path, after=100)])
    assert "the run has 60 steps" in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [{"after": 0}, {"steps": 0}, {"steps": 1.5}])
def test_bad_arguments(arguments, tmp_path):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        Profile(tmp_path, **arguments)
