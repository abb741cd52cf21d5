"""Image warped by a projective transform."""

import numpy as np
import tensorsmith.image

images = np.random.default_rng(0).uniform(size=(2, 6, 7, 3)).astype("float32")
shift = np.array([0.9, 0.1, 1.0, -0.1, 1.1, 0.0, 0.01, 0.0], "float32")
results = {
    "nearest": tensorsmith.image.transform(images, shift),
    "bilinear": tensorsmith.image.transform(images, shift, "bilinear", "reflect"),
    "filled": tensorsmith.image.transform(images, shift, fill_value=0.5),
}
