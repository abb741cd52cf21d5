"""Keras 3 optimizers: Keras' own with all variables updated in one compiled op, and those that Keras lacks."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.optimizers.ada_belief import AdaBelief
from tensorsmith.optimizers.adamw import AdamW
from tensorsmith.optimizers.cocob import COCOB
from tensorsmith.optimizers.conditional_gradient import ConditionalGradient
from tensorsmith.optimizers.decoupled_weight_decay import (
    DecoupledWeightDecayExtension,
    extend_with_decoupled_weight_decay,
)
from tensorsmith.optimizers.gradient_centralization import GradientCentralization
from tensorsmith.optimizers.gradient_noise import GradientNoise
from tensorsmith.optimizers.lamb import Lamb
from tensorsmith.optimizers.lamb_with_decay import LAMB
from tensorsmith.optimizers.layerwise_decay import ScaledUpdates, layerwise_decay
from tensorsmith.optimizers.lazy_adam import LazyAdam
from tensorsmith.optimizers.lookahead import Lookahead
from tensorsmith.optimizers.moving_average import MovingAverage
from tensorsmith.optimizers.multi_optimizer import MultiOptimizer
from tensorsmith.optimizers.novo_grad import NovoGrad
from tensorsmith.optimizers.proximal_adagrad import ProximalAdagrad
from tensorsmith.optimizers.rectified_adam import RectifiedAdam
from tensorsmith.optimizers.sgd import SGD
from tensorsmith.optimizers.sgdw import SGDW
from tensorsmith.optimizers.swa import SWA
from tensorsmith.optimizers.yogi import Yogi

__all__ = [
    "COCOB",
    "LAMB",
    "SGD",
    "SGDW",
    "SWA",
    "AdaBelief",
    "AdamW",
    "ConditionalGradient",
    "DecoupledWeightDecayExtension",
    "GradientCentralization",
    "GradientNoise",
    "Lamb",
    "LazyAdam",
    "Lookahead",
    "MovingAverage",
    "MultiOptimizer",
    "NovoGrad",
    "ProximalAdagrad",
    "RectifiedAdam",
    "ScaledUpdates",
    "Yogi",
    "extend_with_decoupled_weight_decay",
    "layerwise_decay",
]
