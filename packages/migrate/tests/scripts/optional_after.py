"""Addons as an optional dependency."""

import numpy as np
import tensorflow as tf
import tensorsmith.image
import tensorsmith.losses

try:
    pass
except ImportError:
    tfa = None

y_true, y_pred = np.array([[1.0, 0.0]], "float32"), np.array([[0.7, 0.4]], "float32")
boxes = np.array([[0.0, 0.0, 2.0, 2.0]], "float32"), np.array([[1.0, 0.0, 2.0, 2.0]], "float32")
image = np.random.default_rng(0).uniform(size=(4, 4, 1)).astype("float32")
shift = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], "float32")
results = {
    "mean": tensorsmith.losses.SigmoidFocalCrossEntropy(reduction="sum")(y_true, y_pred),
    "each": tensorsmith.losses.GIoULoss("giou", "none")(*boxes),
    "moved": tensorsmith.image.transform(image, shift, "BILINEAR", "REFLECT"),
}
