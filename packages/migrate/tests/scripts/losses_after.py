"""Losses as functions and as classes."""

import numpy as np
import tensorflow as tf
import tensorsmith.losses
from tensorsmith.losses import angular_distance

rng = np.random.default_rng(0)
probabilities = rng.uniform(0.1, 0.9, size=(6, 3)).astype("float32")
targets = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]
labels = np.array([0, 1, 0, 1, 0, 1])
boxes = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 4.0]], "float32")

model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="sigmoid")])
model.compile("sgd", loss=tensorsmith.losses.sigmoid_focal_crossentropy)

results = {
    "contrastive": tensorsmith.losses.ContrastiveLoss(0.5)(labels, probabilities[:, 0]),
    "boxes": tensorsmith.losses.giou_loss(boxes, boxes + 0.5, mode="iou"),
    "lifted": tensorsmith.losses.LiftedStructLoss(margin=0.8)(labels, probabilities),
    "pairs": tensorsmith.losses.npairs_loss(labels, probabilities @ probabilities.T),
    "quantile": tensorsmith.losses.PinballLoss(tau=0.9, reduction="sum")(targets, probabilities),
    "focal": tensorsmith.losses.SigmoidFocalCrossEntropy(False, 0.3)(targets, probabilities),
    "sparsemax": tensorsmith.losses.SparsemaxLoss()(targets, probabilities),
    "hard": tensorsmith.losses.TripletHardLoss(soft=True)(labels, probabilities),
    "semihard": tensorsmith.losses.triplet_semihard_loss(labels, probabilities, distance_metric="angular"),
    "distances": tensorsmith.losses.pairwise_distance(probabilities, squared=True),
    "angles": angular_distance(probabilities),
    "kappa": tensorsmith.losses.WeightedKappaLoss(num_classes=3)(targets, probabilities),
}
