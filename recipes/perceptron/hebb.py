"""Hebb's rule in a linear associator: how many patterns can be recalled after they are stored once?

Data: random patterns of 128 values of 1 or -1, with orthogonal or random keys
Command: tensorsmith run perceptron/hebb

"Cells that fire together, wire together" (Hebb, 1949): each pair of a key x and a value y adds y_i x_j to the weight
from input j to output i. A value is recalled as the sign of the weighted sums of its key. `accuracy` is the fraction of
components that are recalled correctly for orthogonal keys, and `random_accuracy` for random keys, whose sums contain
crosstalk of the other pairs; `expected_random_accuracy` is its value if the crosstalk is normally distributed.
`curves.png` shows them against the number of stored pairs.

`capacity` is the largest number of pairs with orthogonal keys that are all recalled without error, and
`random_capacity` that with random keys. With normally distributed crosstalk, an error is less likely than not for up to
12 pairs (`expected_random_capacity`). For a large number n of inputs and as many outputs, the limit is n / (2 ln n)
pairs, 13 for n = 128, if most of them are to be recalled, and half as many if all are (McEliece et al., 1987).
"""

import math
from dataclasses import dataclass

import numpy as np
from jsonargparse.typing import PositiveInt

from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores


@dataclass(frozen=True)
class Config(Settings):
    log_inputs: PositiveInt = 7  # binary logarithm of the number of inputs, which is also the number of stored pairs
    outputs: PositiveInt = 128  # number of outputs


SCORE = "test accuracy"
SMOKE = {"log_inputs": 4, "outputs": 16}


def orthogonal_keys(log_size: int) -> np.ndarray:
    """Returns a Hadamard matrix by the construction of Sylvester, whose rows of 1 and -1 are orthogonal."""
    keys = np.ones((1, 1))
    for _ in range(log_size):
        keys = np.block([[keys, keys], [keys, -keys]])
    return keys


def hebbian_update(weights: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Returns the weights after one step of Hebb's rule."""
    return weights + np.outer(value, key)


def recall(weights: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the values that belong to keys of shape (pairs, inputs)."""
    return np.where(keys @ weights.T >= 0, 1.0, -1.0)


def expected_accuracy(inputs: int, pairs: int) -> float:
    """Returns the probability that a component is recalled from random keys with normally distributed crosstalk.

    The sum for a stored key is `inputs` times the correct value, plus `inputs * (pairs - 1)` random signs.
    """
    return 1.0 if pairs == 1 else 0.5 * (1 + math.erf(math.sqrt(inputs / (2 * (pairs - 1)))))


def expected_capacity(inputs: int, outputs: int) -> int:
    """Returns the largest number of random pairs that are recalled without error with a probability of at least 1/2."""
    pairs = 1
    while expected_accuracy(inputs, pairs + 1) ** ((pairs + 1) * outputs) >= 0.5:
        pairs += 1
    return pairs


def accuracy_of(weights: np.ndarray, keys: np.ndarray, values: np.ndarray) -> float:
    """Returns the fraction of components that are recalled correctly."""
    return float(np.mean(recall(weights, keys) == values))


def capacity(keys: np.ndarray, values: np.ndarray) -> int:
    """Returns the number of pairs that can be stored, one after the other, before one is recalled with an error."""
    weights = np.zeros((values.shape[1], keys.shape[1]))
    for pairs, (key, value) in enumerate(zip(keys, values, strict=True)):
        weights = hebbian_update(weights, key, value)
        if accuracy_of(weights, keys[: pairs + 1], values[: pairs + 1]) < 1:
            return pairs
    return len(keys)


def train(config: Config, run: ProcedureRun) -> Scores:
    """Stores one pair in each epoch, and returns the recall of all pairs."""
    inputs = 2**config.log_inputs
    generator = np.random.default_rng(run.seed)
    values = generator.choice([-1.0, 1.0], (inputs, config.outputs))
    keys = {"orthogonal": orthogonal_keys(config.log_inputs), "random": generator.choice([-1.0, 1.0], (inputs, inputs))}
    weights = {name: np.zeros((config.outputs, inputs)) for name in keys}
    run.track(**weights)

    def scores(pairs: int) -> dict[str, float]:
        """Returns the recall of the pairs that are stored so far."""
        measured = {name: accuracy_of(weights[name], each[:pairs], values[:pairs]) for name, each in keys.items()}
        return {
            "accuracy": measured["orthogonal"],
            "random_accuracy": measured["random"],
            "expected_random_accuracy": expected_accuracy(inputs, pairs),
        }

    while run.epoch < inputs:
        for name, each in keys.items():
            weights[name][:] = hebbian_update(weights[name], each[run.epoch], values[run.epoch])
        run.end_epoch(scores(run.epoch + 1))
    capacities = {
        "capacity": capacity(keys["orthogonal"], values),
        "random_capacity": capacity(keys["random"], values),
        "expected_random_capacity": expected_capacity(inputs, config.outputs),
    }
    return {"test": {**scores(inputs), **capacities}}


if __name__ == "__main__":
    run_script(__file__)
