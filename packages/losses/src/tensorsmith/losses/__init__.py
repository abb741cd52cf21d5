"""Loss classes and functions for Keras 3."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.losses.angular_distance import angular_distance
from tensorsmith.losses.contrastive_loss import ContrastiveLoss, contrastive_loss
from tensorsmith.losses.cosine_similarity import CosineSimilarity
from tensorsmith.losses.gaussian_kl import gaussian_kl
from tensorsmith.losses.gaussian_nll import GaussianNLL, gaussian_nll
from tensorsmith.losses.giou_loss import GIoULoss, giou_loss
from tensorsmith.losses.gradient_penalty import gradient_penalty
from tensorsmith.losses.hinge_gan_loss import hinge_discriminator_loss, hinge_generator_loss
from tensorsmith.losses.huber import Huber, huber
from tensorsmith.losses.lifted_struct_loss import LiftedStructLoss, lifted_struct_loss
from tensorsmith.losses.minimax_loss import minimax_discriminator_loss, minimax_generator_loss
from tensorsmith.losses.non_saturating_loss import non_saturating_generator_loss
from tensorsmith.losses.npairs_loss import NpairsLoss, npairs_loss
from tensorsmith.losses.npairs_multilabel_loss import NpairsMultilabelLoss, npairs_multilabel_loss
from tensorsmith.losses.pairwise_distance import pairwise_distance
from tensorsmith.losses.pinball_loss import PinballLoss, pinball_loss
from tensorsmith.losses.reconstruction_loss import ReconstructionLoss, reconstruction_loss
from tensorsmith.losses.sequence_loss import SequenceLoss, sequence_loss
from tensorsmith.losses.sigmoid_focal_crossentropy import SigmoidFocalCrossEntropy, sigmoid_focal_crossentropy
from tensorsmith.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from tensorsmith.losses.sparsemax_loss import SparsemaxLoss, sparsemax_loss
from tensorsmith.losses.triplet_hard_loss import TripletHardLoss, triplet_hard_loss
from tensorsmith.losses.triplet_semihard_loss import TripletSemiHardLoss, triplet_semihard_loss
from tensorsmith.losses.tversky_loss import TverskyLoss, tversky_loss
from tensorsmith.losses.wasserstein_loss import wasserstein_critic_loss, wasserstein_generator_loss
from tensorsmith.losses.weighted_kappa_loss import WeightedKappaLoss
from tensorsmith.losses.yolo_loss import YOLOLoss

__all__ = [
    "ContrastiveLoss",
    "CosineSimilarity",
    "GIoULoss",
    "GaussianNLL",
    "Huber",
    "LiftedStructLoss",
    "NpairsLoss",
    "NpairsMultilabelLoss",
    "PinballLoss",
    "ReconstructionLoss",
    "SequenceLoss",
    "SigmoidFocalCrossEntropy",
    "SparseCategoricalCrossentropy",
    "SparsemaxLoss",
    "TripletHardLoss",
    "TripletSemiHardLoss",
    "TverskyLoss",
    "WeightedKappaLoss",
    "YOLOLoss",
    "angular_distance",
    "contrastive_loss",
    "gaussian_kl",
    "gaussian_nll",
    "giou_loss",
    "gradient_penalty",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "huber",
    "lifted_struct_loss",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "npairs_loss",
    "npairs_multilabel_loss",
    "pairwise_distance",
    "pinball_loss",
    "reconstruction_loss",
    "sequence_loss",
    "sigmoid_focal_crossentropy",
    "sparsemax_loss",
    "triplet_hard_loss",
    "triplet_semihard_loss",
    "tversky_loss",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
]
