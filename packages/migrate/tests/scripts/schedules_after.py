"""Cyclical learning rates."""

import tensorsmith.schedules
from tensorsmith.schedules import Triangular2CyclicalLearningRate as Halving


def fading(cycle):
    return 0.5 * cycle


schedules = [
    tensorsmith.schedules.CyclicalLearningRate(1e-4, 1e-2, 10, fading, name="mine"),
    tensorsmith.schedules.TriangularCyclicalLearningRate(
        initial_learning_rate=1e-4,
        maximal_learning_rate=1e-2,
        step_size=12.5,
    ),
    Halving(1e-4, 1e-2, 10, "cycle"),
    tensorsmith.schedules.ExponentialCyclicalLearningRate(1e-4, 1e-2, step_size=10, gamma=0.96),
]
results = {str(position): [schedule(float(step)) for step in range(60)] for position, schedule in enumerate(schedules)}
