"""Random state of Python and NumPy, which may affect callbacks and user code."""

import random
from typing import Any

import numpy as np


def random_state() -> dict[str, Any]:
    """Returns the states of the random number generators of Python and NumPy in JSON-serializable form."""
    version, state, gauss = random.getstate()
    numpy: Any = np.random.get_state()
    name, keys, *rest = numpy
    return {"python": [version, list(state), gauss], "numpy": [name, keys.tolist(), *rest]}


def set_random_state(state: dict[str, Any]) -> None:
    """Restores the states of the random number generators of Python and NumPy."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
