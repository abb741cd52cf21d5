"""Tests of functions as hyperparameters of optimizers, and of states of ESN cells."""

import pytest


@pytest.mark.parametrize(
    ("before", "call"),
    [
        ("", "tf.keras.optimizers.Adam(beta_1=lambda: 0.9)"),
        ("", "keras.optimizers.SGD(0.1, momentum=lambda: 0.9)"),
        ("def rate():\n    return 0.9\n\n\n", "tf.keras.optimizers.RMSprop(rho=rate)"),
        ("rate = lambda: 0.9\n", "tf.keras.optimizers.legacy.Adam(beta_2=rate)"),
        ("rate = functools.partial(f, 3)\n", "keras.optimizers.Nadam(0.1, beta_1=rate)"),
    ],
)
def test_functions_as_hyperparameters(migrated, before, call):
    line, comment, result = migrated(f"{before}x = {call}")
    assert result.rejected == 1
    assert "must not be a function: pass a number" in comment


@pytest.mark.parametrize(
    "code",
    [
        "x = keras.optimizers.Adam(lambda: 0.1)",
        "def rate():\n    return 0.1\n\n\nx = keras.optimizers.Adam(learning_rate=rate)",
        "rate = 0.9\nx = keras.optimizers.Adam(beta_1=rate)",
        "rate = get(0.9)\nx = keras.optimizers.Adam(beta_1=rate)",
        "def momentum():\n    pass\n\n\ndef f(momentum):\n    return keras.optimizers.SGD(momentum=momentum)",
    ],
)
def test_hyperparameters_that_are_accepted(migrated, code):
    assert migrated(code)[2].rejected == 0


STATE = "cell = tfa.rnn.ESNCell(8)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y, h = cell(x, [h])", "y, [h] = cell(x, [h])"),
        ("(y, self.h) = cell(x, states=[h])", "(y, [self.h]) = cell(x, states=[h])"),
        ("y, h = tfa.rnn.esn_cell.ESNCell(8)(x, [h])", "y, [h] = tensorsmith.layers.ESNCell(8)(x, [h])"),
        ("y, _ = tf.keras.layers.GRUCell(8)(x, [h])", "y, _ = tf.keras.layers.GRUCell(8)(x, [h])"),
        ("y = tf.keras.layers.RNN(cell)(x)", "y = tf.keras.layers.RNN(cell)(x)"),
    ],
)
def test_state_of_esn_cells(migrated, before, after):
    line, comment, result = migrated(STATE + before)
    assert (line, comment, result.complete) == (after, "", True)


def test_state_of_esn_cells_that_is_not_unpacked(migrated):
    line, comment, moved = migrated(f"{STATE}result = cell(x, [h])")
    assert line == "result = cell(x, [h])"
    assert comment.startswith("# tensorsmith migrate: rnn.ESNCell: the new state is a list, and was a tensor in Addons")
    assert (moved.rejected, moved.complete) == (1, False)
