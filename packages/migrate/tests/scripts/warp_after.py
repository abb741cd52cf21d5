"""Image warped by a projective transform."""

import numpy as np
import keras

images = np.random.default_rng(0).uniform(size=(2, 6, 7, 3)).astype("float32")
shift = np.array([0.9, 0.1, 1.0, -0.1, 1.1, 0.0, 0.01, 0.0], "float32")
# tensorsmith migrate: image.transform: give tensors, images with three or four axes, and modes in small letters
results = {
    "nearest": keras.ops.image.affine_transform(images, shift, interpolation="nearest"),
    "bilinear": keras.ops.image.affine_transform(images, shift, "bilinear", "reflect"),
    "filled": keras.ops.image.affine_transform(images, shift, fill_value=0.5, interpolation="nearest"),
}
