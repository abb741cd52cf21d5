"""Logic gates from McCulloch-Pitts neurons, and XOR from a two-layer network of threshold units.

Data: all combinations of the two inputs of a gate
Command: tensorsmith run perceptron/logic_gates

`truth_tables.md` in the run folder contains the truth table of each network; the score is the fraction of its rows that
are correct. Nothing is trained: the connections and weights are set by hand. References: neurons that are active if at
least two of their inputs are active (McCulloch and Pitts, 1943), threshold logic units (Rosenblatt, 1957).
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jsonargparse.typing import NonNegativeInt

from tensorsmith.core import replace_file
from tensorsmith.recipes import ProcedureRun, Settings, run_script
from tensorsmith.runs import Scores

INPUTS = tuple(itertools.product((0, 1), repeat=2))  # all values of the inputs a and b
GATES: Mapping[str, Callable[[int, int], int]] = {
    "a": lambda a, b: a,
    "a and b": lambda a, b: a & b,
    "a or b": lambda a, b: a | b,
    "a and not b": lambda a, b: a & (1 - b),
    "not b": lambda a, b: 1 - b,
    "a xor b": lambda a, b: a ^ b,
}


@dataclass(frozen=True)
class Config(Settings):
    threshold: NonNegativeInt = 2  # number of active inputs that activate a McCulloch-Pitts neuron
    seed: NonNegativeInt = 0  # without effect, because nothing is random


SCORE = "test accuracy"


@dataclass(frozen=True)
class Neuron:
    """McCulloch-Pitts neuron, with one letter per connection: "aab" is two connections from a and one from b.

    It is active if at least `threshold` exciting connections and no inhibiting connections are active.
    """

    name: str
    exciting: str
    inhibiting: str = ""


# The last neuron of a network is its output. The neuron "on" of the inputs is always active.
NETWORKS = {
    "a": [Neuron("c", "aa")],
    "a and b": [Neuron("c", "ab")],
    "a or b": [Neuron("c", "aabb")],
    "a and not b": [Neuron("c", "aa", "b")],
    "not b": [Neuron("c", "11", "b")],
    "a xor b": [Neuron("c", "aa", "b"), Neuron("d", "bb", "a"), Neuron("e", "ccdd")],
}


def output_of(network: list[Neuron], a: int, b: int, threshold: int) -> int:
    """Returns the output of a network of McCulloch-Pitts neurons, which are evaluated in order."""
    active = {"1": 1, "a": a, "b": b}
    for neuron in network:
        excitation = sum(active[source] for source in neuron.exciting)
        inhibited = any(active[source] for source in neuron.inhibiting)
        active[neuron.name] = int(excitation >= threshold and not inhibited)
    return active[network[-1].name]


def step(z: np.ndarray) -> np.ndarray:
    """Returns the Heaviside step function, which is 1 at 0."""
    return (z >= 0).astype(int)


def xor_of_threshold_units(a: int, b: int) -> int:
    """Returns XOR, computed by two hidden threshold units and one output unit.

    All weights are 1, except for one weight of the output unit. The hidden units compute AND and OR.
    """
    hidden = step(np.array([a, b]) @ np.ones((2, 2)) + [-1.5, -0.5])
    return int(step(hidden @ [-1, 1] - 0.5))


def train(config: Config, run: ProcedureRun) -> Scores:
    """Writes the truth tables, and returns the fraction of correct rows."""
    networks: dict[str, tuple[str, Callable[[int, int], int]]] = {
        f"{gate}, McCulloch-Pitts neurons": (gate, lambda a, b, net=net: output_of(net, a, b, config.threshold))
        for gate, net in NETWORKS.items()
    }
    networks["a xor b, threshold units"] = ("a xor b", xor_of_threshold_units)
    lines, correct = ["| network | a b | output | expected |", "| --- | --- | ---: | ---: |"], []
    for name, (gate, network) in networks.items():
        for a, b in INPUTS:
            output, expected = network(a, b), GATES[gate](a, b)
            lines.append(f"| {name} | {a} {b} | {output} | {expected} |")
            correct.append(output == expected)
    with replace_file(run.folder / "truth_tables.md") as draft:
        draft.write_text("\n".join(lines) + "\n")
    accuracy = float(np.mean(correct))
    if not run.epoch:
        run.end_epoch({"accuracy": accuracy})
    return {"test": {"accuracy": accuracy}}


if __name__ == "__main__":
    run_script(__file__)
