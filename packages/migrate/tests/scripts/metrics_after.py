"""Metrics, some of which have a different name in Keras."""
import numpy as np
import tensorflow as tf
import keras
import tensorsmith.metrics
from tensorsmith.metrics import CohenKappa, F1Score as F1, RSquare

rng = np.random.default_rng(0)
probabilities = rng.dirichlet(np.ones(3), size=8).astype("float32")
targets = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 0]]


def squared_error(y_true, y_pred):
    return tf.reduce_mean((y_true - y_pred) ** 2, axis=-1)


def value(metric):
    metric.update_state(targets, probabilities)
    return metric.result()


results = {
    "kappa": value(CohenKappa(num_classes=3, weightage="linear")),
    "f1": value(F1(3, "macro")),
    "beta": value(tensorsmith.metrics.FBetaScore(num_classes=3, beta=2.0, threshold=0.4)),
    "hamming": value(tensorsmith.metrics.HammingLoss(mode="multiclass", threshold=0.6)),
    "matthews": value(tensorsmith.metrics.MatthewsCorrelationCoefficient(num_classes=3)),
    "r2": value(RSquare()),
    "each r2": value(RSquare("each", multioutput="raw_values")),
    "weighted r2": value(
        RSquare(
            multioutput="variance_weighted",
            dtype=tf.float32
        )
    ),
    "wrapped": value(keras.metrics.MeanMetricWrapper(squared_error, name="wrapped")),
    "vector r2": [metric(name="r2")(targets[:, 0], probabilities[:, 0]) for metric in {"r2": RSquare}.values()],
    "adjusted r2": value(tensorsmith.metrics.RSquare(num_regressors=2)),
}
