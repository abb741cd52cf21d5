"""Tests of statistics of weights and units."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Every, ToTensorBoard, Trainer, dead_unit_fractions, weight_statistics


def test_weights():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1, dtype="float16")])
    found = weight_statistics(model)
    assert len(found) == 3 * 4
    for variable in model.trainable_variables:
        values = variable.numpy().astype(float).ravel()
        assert found[f"{variable.path}/norm"] == pytest.approx(np.sqrt(np.sum(values**2)))
        assert found[f"{variable.path}/std"] == pytest.approx(np.sqrt(np.mean((values - values.mean()) ** 2)))


def test_dead_channels_of_convolutions_and_relu_layers():
    conv = keras.layers.Conv2D(4, 1, activation="relu", name="conv")
    model = keras.Sequential([keras.Input((2, 2, 1)), conv, keras.layers.ReLU(name="relu"), keras.layers.Flatten()])
    conv.set_weights([np.array([1.0, -1.0, 1.0, -1.0]).reshape(1, 1, 1, 4), np.array([0.0, 0.0, -5.0, -5.0])])
    assert dead_unit_fractions(model, np.ones((3, 2, 2, 1))) == {"conv": 0.75, "relu": 0.75}
    assert dead_unit_fractions(model, -np.ones((3, 2, 2, 1))) == {"conv": 0.75, "relu": 0.75}
    both = np.concatenate([np.ones((1, 2, 2, 1)), -np.ones((1, 2, 2, 1))])
    assert dead_unit_fractions(model, both) == {"conv": 0.5, "relu": 0.5}


def test_unsupported_models():
    with raises_argument_error("model", expected="contain a ReLU layer or activation"):
        dead_unit_fractions(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]), np.ones((1, 3)))
    with pytest.raises(ValueError, match="functional or Sequential"):
        dead_unit_fractions(keras.Model(), np.ones((1, 3)))


def test_events(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="only")])
    x = np.ones((64, 1))
    write = Every("2 steps", ToTensorBoard(tmp_path, weight_statistics))
    Trainer(model, "sgd", "mse", jit=False).fit(x, x, batch_size=8, callbacks=[write], verbose=False)
    (file,) = tmp_path.iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    written = [(event.step, value.tag) for event in events for value in event.summary.value]
    steps = [step for step, tag in written if tag.endswith("only/kernel/norm")]
    assert steps == [2, 4, 6, 8]
