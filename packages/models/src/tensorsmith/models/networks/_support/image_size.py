"""Check of the size of images, in networks for images of any size."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import Tensor


@export
class ImageSizeCheck(keras.layers.Layer):
    """Identity that raises an error for images of a size that a network does not support.

    Without it, a network can return outputs of another size than its images, or raise an error of TensorFlow about the
    shapes of feature maps. It is not used in networks of Keras layers, whose saved models are loaded without this
    package.

    Args:
        smallest: Smallest height and width.
        multiple: Number that the height and the width must be multiples of.
        **kwargs: Arguments of the base class.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)`.
        features: Tensor that is returned instead of the images. If `None`, the images are returned.

    Raises:
        ValueError: If the size is invalid, and known when the layer is called.
        tf.errors.InvalidArgumentError: If it is invalid, and unknown in a graph.
    """

    def __init__(self, smallest: int = 1, multiple: int = 1, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.smallest = smallest
        self.multiple = multiple

    def call(self, images: Tensor, features: Tensor | None = None) -> Tensor:
        """Return the features after the check of the image size."""
        outputs = images if features is None else features
        size = f"that are multiples of {self.multiple}" if self.multiple > 1 else f"of at least {self.smallest} pixels"
        expected = f"have a height and width {size}"
        sides = tuple(images.shape[1:3])
        invalid = [side for side in sides if side is not None and (side < self.smallest or side % self.multiple)]
        check(not invalid, "images", Verbatim(sides), expected, "Pad or resize the images.")
        if None not in sides:
            return outputs
        shape = tf.shape(images)[1:3]
        valid = tf.reduce_all((shape >= self.smallest) & (shape % self.multiple == 0))
        assertion = tf.debugging.Assert(valid, [f"images must {expected}, got", shape])
        with tf.control_dependencies([assertion]):
            return tf.identity(outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer."""
        return {**super().get_config(), "smallest": self.smallest, "multiple": self.multiple}
