"""Conformance check for SavedModel export."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from tensorsmith.testing.comparing import expect_same
from tensorsmith.testing.functional import functional
from tensorsmith.testing.rows import LayerRow, ModelRow
from tensorsmith.testing.using import examples, observe, ready
from tensorsmith.testing.workers import ask_reloader

CALLS = 3


def savedmodel_export(row: LayerRow | ModelRow) -> None:
    """Checks that the exported component, loaded without tensorsmith, gives the same results as the original."""
    component = ready(row)
    arguments = keras.tree.flatten(examples(row))
    # A model gets a list of inputs, also if there is only one.
    model = keras.Model(component.inputs, component.output) if isinstance(row, ModelRow) else functional(row, component)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        np.savez(Path(folder) / "inputs.npz", *arguments)
        ask_reloader(folder=folder, calls=CALLS)
        with np.load(Path(folder) / "outputs.npz") as outputs:
            found = dict(outputs)
    expected = {
        name.partition(", ")[2]: value
        for name, value in observe(row, ready(row), examples(row), calls=CALLS).items()
        if not name.startswith("training=True")
    }
    expect_same(
        expected,
        found,
        row.tolerance,
        "the component and its reloaded export",
        "Use no tf.py_function, NumPy or Python state in `call`.",
    )
