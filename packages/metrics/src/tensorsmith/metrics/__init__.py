"""Keras 3 metrics for classification, detection, correlation, translation and generation."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # before TensorFlow is imported elsewhere, to silence its log output

from tensorsmith.metrics.average_precision import AveragePrecision, average_precision
from tensorsmith.metrics.bits_per_character import BitsPerCharacter
from tensorsmith.metrics.bleu import BLEU
from tensorsmith.metrics.box_iou import box_iou
from tensorsmith.metrics.cohen_kappa import CohenKappa
from tensorsmith.metrics.expected_calibration_error import ExpectedCalibrationError
from tensorsmith.metrics.f1_score import F1Score
from tensorsmith.metrics.fbeta_score import FBetaScore
from tensorsmith.metrics.frechet_distance import FrechetDistance
from tensorsmith.metrics.geometric_mean import GeometricMean
from tensorsmith.metrics.hamming_loss import HammingLoss, hamming_distance, hamming_loss_fn
from tensorsmith.metrics.harmonic_mean import HarmonicMean
from tensorsmith.metrics.huber_metric import HuberMetric
from tensorsmith.metrics.interval_coverage import IntervalCoverage
from tensorsmith.metrics.kendalls_tau_b import KendallsTauB, kendalls_tau_b
from tensorsmith.metrics.kendalls_tau_c import KendallsTauC, kendalls_tau_c
from tensorsmith.metrics.matthews_correlation_coefficient import MatthewsCorrelationCoefficient
from tensorsmith.metrics.mean_absolute_scaled_error import MeanAbsoluteScaledError
from tensorsmith.metrics.mean_average_precision import MeanAveragePrecision
from tensorsmith.metrics.multilabel_confusion_matrix import MultiLabelConfusionMatrix
from tensorsmith.metrics.pearsons_correlation import PearsonsCorrelation
from tensorsmith.metrics.perplexity import Perplexity
from tensorsmith.metrics.r_square import RSquare
from tensorsmith.metrics.rounded_accuracy import RoundedAccuracy
from tensorsmith.metrics.sample_precision_recall import sample_precision_recall
from tensorsmith.metrics.sliced_wasserstein_distance import sliced_wasserstein_distance
from tensorsmith.metrics.spearmans_rank import SpearmansRank, spearmans_rank
from tensorsmith.metrics.symmetric_mean_absolute_percentage_error import SymmetricMeanAbsolutePercentageError
from tensorsmith.metrics.vendi_score import vendi_score

__all__ = [
    "BLEU",
    "AveragePrecision",
    "BitsPerCharacter",
    "CohenKappa",
    "ExpectedCalibrationError",
    "F1Score",
    "FBetaScore",
    "FrechetDistance",
    "GeometricMean",
    "HammingLoss",
    "HarmonicMean",
    "HuberMetric",
    "IntervalCoverage",
    "KendallsTauB",
    "KendallsTauC",
    "MatthewsCorrelationCoefficient",
    "MeanAbsoluteScaledError",
    "MeanAveragePrecision",
    "MultiLabelConfusionMatrix",
    "PearsonsCorrelation",
    "Perplexity",
    "RSquare",
    "RoundedAccuracy",
    "SpearmansRank",
    "SymmetricMeanAbsolutePercentageError",
    "average_precision",
    "box_iou",
    "hamming_distance",
    "hamming_loss_fn",
    "kendalls_tau_b",
    "kendalls_tau_c",
    "sample_precision_recall",
    "sliced_wasserstein_distance",
    "spearmans_rank",
    "vendi_score",
]
