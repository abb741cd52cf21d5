"""Schedules that map a training step to a learning rate, a momentum or another hyperparameter."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.schedules._plot import plot
from tensorsmith.schedules.clip import Clip
from tensorsmith.schedules.cosine_decay import CosineDecay
from tensorsmith.schedules.cosine_restarts import CosineRestarts
from tensorsmith.schedules.cyclical_learning_rate import CyclicalLearningRate
from tensorsmith.schedules.exponential_cyclical_learning_rate import ExponentialCyclicalLearningRate
from tensorsmith.schedules.exponential_decay import ExponentialDecay
from tensorsmith.schedules.inverse_square_root import InverseSquareRoot
from tensorsmith.schedules.join import Join
from tensorsmith.schedules.linear import Linear
from tensorsmith.schedules.one_cycle import OneCycle
from tensorsmith.schedules.piecewise_constant import PiecewiseConstant
from tensorsmith.schedules.polynomial import Polynomial
from tensorsmith.schedules.power_decay import PowerDecay
from tensorsmith.schedules.repeat import Repeat
from tensorsmith.schedules.scale import Scale
from tensorsmith.schedules.trapezoid import Trapezoid
from tensorsmith.schedules.triangular2_cyclical_learning_rate import Triangular2CyclicalLearningRate
from tensorsmith.schedules.triangular_cyclical_learning_rate import TriangularCyclicalLearningRate
from tensorsmith.schedules.warmup import Warmup

__all__ = [
    "Clip",
    "CosineDecay",
    "CosineRestarts",
    "CyclicalLearningRate",
    "ExponentialCyclicalLearningRate",
    "ExponentialDecay",
    "InverseSquareRoot",
    "Join",
    "Linear",
    "OneCycle",
    "PiecewiseConstant",
    "Polynomial",
    "PowerDecay",
    "Repeat",
    "Scale",
    "Trapezoid",
    "Triangular2CyclicalLearningRate",
    "TriangularCyclicalLearningRate",
    "Warmup",
    "plot",
]
