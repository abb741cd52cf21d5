"""Optimizers for Keras 3, including Keras optimizers that update all variables in one compiled op."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.optimizers.addons.ada_belief import AdaBelief
from tensorsmith.optimizers.addons.addons_adamw import AddonsAdamW
from tensorsmith.optimizers.addons.addons_lamb import AddonsLAMB
from tensorsmith.optimizers.addons.cocob import COCOB
from tensorsmith.optimizers.addons.conditional_gradient import ConditionalGradient
from tensorsmith.optimizers.addons.decoupled_weight_decay import (
    DecoupledWeightDecayExtension,
    extend_with_decoupled_weight_decay,
)
from tensorsmith.optimizers.addons.lazy_adam import LazyAdam
from tensorsmith.optimizers.addons.novo_grad import NovoGrad
from tensorsmith.optimizers.addons.proximal_adagrad import ProximalAdagrad
from tensorsmith.optimizers.addons.rectified_adam import RectifiedAdam
from tensorsmith.optimizers.addons.sgdw import SGDW
from tensorsmith.optimizers.addons.yogi import Yogi
from tensorsmith.optimizers.fused.adamw import AdamW
from tensorsmith.optimizers.fused.lamb import Lamb
from tensorsmith.optimizers.fused.sgd import SGD
from tensorsmith.optimizers.wrappers.gradient_centralization import GradientCentralization
from tensorsmith.optimizers.wrappers.gradient_noise import GradientNoise
from tensorsmith.optimizers.wrappers.layerwise_decay import ScaledUpdates, layerwise_decay
from tensorsmith.optimizers.wrappers.lookahead import Lookahead
from tensorsmith.optimizers.wrappers.moving_average import MovingAverage
from tensorsmith.optimizers.wrappers.multi_optimizer import MultiOptimizer
from tensorsmith.optimizers.wrappers.swa import SWA

__all__ = [
    "COCOB",
    "SGD",
    "SGDW",
    "SWA",
    "AdaBelief",
    "AdamW",
    "AddonsAdamW",
    "AddonsLAMB",
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
