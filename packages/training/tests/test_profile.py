"""Tests of profiles: readable files, the requested steps, and the fraction of time spent waiting for data."""

import math
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # format of the profile files

from tensorsmith.core import ArgumentError
from tensorsmith.training import Checkpoints, Profile, Trainer
from tensorsmith.training._support.profile_events import waiting_fraction


def fit(callbacks, batches=30, epochs=2, **options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    x = np.ones((8 * batches, 4), "float32")
    trainer = Trainer(model, keras.optimizers.SGD(), "mean_squared_error", jit=False)
    return trainer.fit(x, x[:, :2], batch_size=8, epochs=epochs, callbacks=callbacks, verbose=False, **options)


def waiting_with(dataset, folder, validation_data=None):
    """Returns the fraction of waiting for data in the profile of steps from both of two epochs."""
    hidden = [keras.layers.Dense(1024, "tanh") for _ in range(2)]  # some milliseconds per step
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(2)])
    profile = Profile(folder, after=3, steps=6)
    trainer = Trainer(model, keras.optimizers.SGD(), "mean_squared_error", jit=False)
    trainer.fit(dataset, validation_data=validation_data, epochs=2, callbacks=[profile], verbose=False)
    assert profile.profiled_steps == 6
    return profile.waiting_for_data


def batches(seconds=0.0):
    """Returns a dataset of five batches. Each takes the given time."""
    x = np.ones((5 * 32, 64), "float32")

    def slow(x):
        time.sleep(seconds)
        return x

    dataset = tf.data.Dataset.from_tensor_slices((x, x[:, :2])).batch(32, drop_remainder=True)
    if not seconds:
        return dataset.cache().prefetch(4)
    return dataset.map(lambda x, y: (tf.ensure_shape(tf.numpy_function(slow, [x], "float32"), x.shape), y))


def write_profile(folder, *planes):
    """Writes a profile: in each plane, a line that begins at 1 us with events (name, begin, end) in nanoseconds."""
    space = xplane_pb2.XSpace()
    for described in planes:
        plane = space.planes.add()
        line = plane.lines.add(timestamp_ns=1000)
        for key, (name, begin, end) in enumerate(described, start=1):
            plane.event_metadata[key].name = name
            line.events.add(metadata_id=key, offset_ps=begin * 1000, duration_ps=(end - begin) * 1000)
    path = folder / "plugins" / "profile" / "now" / "host.xplane.pb"
    path.parent.mkdir(parents=True)
    path.write_bytes(space.SerializeToString())


def test_fraction_of_waiting(tmp_path):
    """Tests steps of 100 ns and 300 ns, of which 30 ns and 90 ns wait; two replicas wait at the same time."""
    steps = ("training steps", 0, 100), ("training steps", 500, 800)
    waits = ("IteratorGetNextOp::DoCompute", 0, 20), ("IteratorGetNextOp::DoCompute", 90, 140)
    replicas = [
        ("MultiDeviceIteratorGetNextFromShardOp", 700, 750),
        ("MultiDeviceIteratorGetNextFromShardOp", 720, 790),
    ]
    write_profile(tmp_path, [*steps, *waits, ("IteratorGetNextOp::DoCompute", 200, 450), ("MatMul", 20, 90)], replicas)
    assert waiting_fraction(str(tmp_path)) == (30 + 90) / 400


# The waits of 0.1 s are long compared with a step, so that the bounds also hold on a slow machine.
def test_waiting_for_slow_pipeline(tmp_path):
    assert 0.5 < waiting_with(batches(0.1), tmp_path) <= 1


def test_no_waiting_for_fast_pipeline_during_slow_evaluation(tmp_path):
    assert 0 < waiting_with(batches(), tmp_path, validation_data=batches(0.1)) < 0.5


def test_no_waiting_for_arrays(tmp_path):
    profile = Profile(tmp_path, after=10, steps=7)
    fit([profile])
    assert (profile.profiled_steps, profile.waiting_for_data) == (7, 0)


def test_waiting_of_replicas(tmp_path):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert waiting_with(batches(0.1), tmp_path) > 0.5


def test_resumption_from_checkpoint_of_profiled_steps(tmp_path):
    def breaks(batch, logs):
        if batch >= 20:
            raise RuntimeError

    checkpoints = Checkpoints(tmp_path / "checkpoints", every="5 steps")
    stop = keras.callbacks.LambdaCallback(on_train_batch_end=breaks)
    with pytest.raises(RuntimeError):
        fit([Profile(tmp_path / "first", after=5, steps=30), stop], checkpoints=checkpoints)
    profile = Profile(tmp_path / "second", after=5, steps=30)
    fit([profile], checkpoints=checkpoints, resume=True)
    assert profile.profiled_steps == 30
    assert events(tmp_path / "second")


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
    profile = Profile(tmp_path, after=100)
    with caplog.at_level("INFO", "tensorsmith.training"):
        fit([profile])
    assert "the run has 60 steps" in caplog.text
    assert profile.profiled_steps == 0
    assert math.isnan(profile.waiting_for_data)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [{"after": 0}, {"steps": 0}, {"steps": 1.5}])
def test_bad_arguments(arguments, tmp_path):
    with pytest.raises(ArgumentError, match=next(iter(arguments))):
        Profile(tmp_path, **arguments)
