"""Keras 3 losses, as classes and as functions."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.losses.contrastive_loss import ContrastiveLoss, contrastive_loss
from tensorsmith.losses.giou_loss import GIoULoss, giou_loss
from tensorsmith.losses.huber import Huber, huber
from tensorsmith.losses.lifted_struct_loss import LiftedStructLoss, lifted_struct_loss
from tensorsmith.losses.npairs_loss import NpairsLoss, npairs_loss
from tensorsmith.losses.npairs_multilabel_loss import NpairsMultilabelLoss, npairs_multilabel_loss
from tensorsmith.losses.pinball_loss import PinballLoss, pinball_loss
from tensorsmith.losses.sigmoid_focal_crossentropy import SigmoidFocalCrossEntropy, sigmoid_focal_crossentropy
from tensorsmith.losses.sparsemax_loss import SparsemaxLoss, sparsemax_loss
from tensorsmith.losses.triplet_hard_loss import TripletHardLoss, triplet_hard_loss
from tensorsmith.losses.triplet_semihard_loss import TripletSemiHardLoss, triplet_semihard_loss
from tensorsmith.losses.weighted_kappa_loss import WeightedKappaLoss

__all__ = [
    "ContrastiveLoss",
    "GIoULoss",
    "Huber",
    "LiftedStructLoss",
    "NpairsLoss",
    "NpairsMultilabelLoss",
    "PinballLoss",
    "SigmoidFocalCrossEntropy",
    "SparsemaxLoss",
    "TripletHardLoss",
    "TripletSemiHardLoss",
    "WeightedKappaLoss",
    "contrastive_loss",
    "giou_loss",
    "huber",
    "lifted_struct_loss",
    "npairs_loss",
    "npairs_multilabel_loss",
    "pinball_loss",
    "sigmoid_focal_crossentropy",
    "sparsemax_loss",
    "triplet_hard_loss",
    "triplet_semihard_loss",
]
