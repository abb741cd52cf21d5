"""Loads exported models, with no more than TensorFlow at hand. Run as a script; see workers.py for the protocol.

It imports nothing of tensorsmith, and makes sure that nothing else can.
"""

import importlib.abc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class Absent(importlib.abc.MetaPathFinder):
    """Makes tensorsmith impossible to import, as on a server that has only TensorFlow."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Refuses tensorsmith; leaves all else to the finders after it."""
        if name.partition(".")[0] == "tensorsmith":
            raise ModuleNotFoundError(f"{name} is not for this process", name=name)


def reload(folder: str, calls: int) -> None:
    """Runs the model in `folder` on inputs.npz, several times, and writes outputs.npz."""
    import numpy as np
    import tensorflow as tf

    model = tf.saved_model.load(folder)
    with np.load(Path(folder) / "inputs.npz") as arrays:
        inputs = [tf.constant(array) for array in arrays.values()]
    outputs = {}
    for call in range(1, calls + 1):
        result = model.serve(inputs)
        for place, tensor in enumerate(tf.nest.flatten(result)):
            outputs[f"call {call}, output {place}"] = tensor.numpy()
    np.savez(Path(folder) / "outputs.npz", **outputs)


def main() -> None:
    """Answers requests, one JSON object a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not end up among the answers
    sys.meta_path.insert(0, Absent())
    try:
        import tensorsmith
    except ModuleNotFoundError:
        pass
    else:
        raise RuntimeError(f"{tensorsmith} must not be importable here")
    for line in sys.stdin:
        try:
            reload(**json.loads(line))
            error = None
        except Exception:  # noqa: BLE001 - the answer carries it to where it is reported
            error = traceback.format_exc()
        print(json.dumps({"error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()
