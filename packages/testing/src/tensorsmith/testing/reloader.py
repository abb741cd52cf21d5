"""Server process that runs exported models without tensorsmith. Run as a script; workers.py describes the protocol.

The script does not import tensorsmith, and blocks imports of it.
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
    """Import finder that makes tensorsmith unavailable, to simulate a server with only TensorFlow installed."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raises `ModuleNotFoundError` for tensorsmith and delegates other modules to the next finder."""
        if name.partition(".")[0] == "tensorsmith":
            raise ModuleNotFoundError(f"{name} is blocked in this process", name=name)


def reload(folder: str, calls: int) -> None:
    """Loads the model in `folder`, calls it repeatedly on inputs.npz, and writes the results to outputs.npz."""
    import numpy as np
    import tensorflow as tf

    model = tf.saved_model.load(folder)
    with np.load(Path(folder) / "inputs.npz") as arrays:
        inputs = [tf.constant(array) for array in arrays.values()]
    outputs = {}
    for call in range(1, calls + 1):
        result = model.serve(inputs)
        for position, tensor in enumerate(tf.nest.flatten(result)):
            outputs[f"call {call}, output {position}"] = tensor.numpy()
    np.savez(Path(folder) / "outputs.npz", **outputs)


def main() -> None:
    """Reads requests from standard input, one JSON object per line, and writes a response to each of them."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # printed output must not mix with the answers
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
