"""Keras 3 metrics."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.metrics.cohen_kappa import CohenKappa
from tensorsmith.metrics.f1_score import F1Score
from tensorsmith.metrics.fbeta_score import FBetaScore
from tensorsmith.metrics.geometric_mean import GeometricMean
from tensorsmith.metrics.hamming_loss import HammingLoss, hamming_distance, hamming_loss_fn
from tensorsmith.metrics.harmonic_mean import HarmonicMean
from tensorsmith.metrics.huber_metric import HuberMetric
from tensorsmith.metrics.kendalls_tau_b import KendallsTauB, kendalls_tau_b
from tensorsmith.metrics.kendalls_tau_c import KendallsTauC, kendalls_tau_c
from tensorsmith.metrics.matthews_correlation_coefficient import MatthewsCorrelationCoefficient
from tensorsmith.metrics.multilabel_confusion_matrix import MultiLabelConfusionMatrix
from tensorsmith.metrics.pearsons_correlation import PearsonsCorrelation
from tensorsmith.metrics.spearmans_rank import SpearmansRank, spearmans_rank

__all__ = [
    "CohenKappa",
    "F1Score",
    "FBetaScore",
    "GeometricMean",
    "HammingLoss",
    "HarmonicMean",
    "HuberMetric",
    "KendallsTauB",
    "KendallsTauC",
    "MatthewsCorrelationCoefficient",
    "MultiLabelConfusionMatrix",
    "PearsonsCorrelation",
    "SpearmansRank",
    "hamming_distance",
    "hamming_loss_fn",
    "kendalls_tau_b",
    "kendalls_tau_c",
    "spearmans_rank",
]
