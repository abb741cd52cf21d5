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
from tensorsmith.optimizers.lamb import Lamb
from tensorsmith.optimizers.lamb_with_decay import LAMB
from tensorsmith.optimizers.lazy_adam import LazyAdam
from tensorsmith.optimizers.novo_grad import NovoGrad
from tensorsmith.optimizers.proximal_adagrad import ProximalAdagrad
from tensorsmith.optimizers.rectified_adam import RectifiedAdam
from tensorsmith.optimizers.sgd import SGD
from tensorsmith.optimizers.sgdw import SGDW
from tensorsmith.optimizers.yogi import Yogi

__all__ = [
    "COCOB",
    "LAMB",
    "SGD",
    "SGDW",
    "AdaBelief",
    "AdamW",
    "ConditionalGradient",
    "DecoupledWeightDecayExtension",
    "Lamb",
    "LazyAdam",
    "NovoGrad",
    "ProximalAdagrad",
    "RectifiedAdam",
    "Yogi",
    "extend_with_decoupled_weight_decay",
]
