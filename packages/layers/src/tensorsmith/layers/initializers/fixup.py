"""The initializer of deep residual networks without normalization."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain


@export
class Fixup(keras.initializers.VarianceScaling):
    """Begins residual networks without normalization so that a step moves their outputs alike, however deep they are.

    It is for the layers of residual branches but the last of each. That one begins with zeros, and so does the layer
    that classifies. Formula, for L branches of m layers each: He's normal distribution, scaled, or

        standard deviation = L^(-1 / (2 m - 2)) sqrt(2 / fan_in)

    The paper trains 10,000 layers so. It has besides a scalar factor for each branch, and scalar biases before layers,
    which are layers' matter.

    Source: Zhang, Dauphin and Ma, "Fixup Initialization: Residual Learning Without Normalization", 2019.

    Args:
        num_blocks: L, the number of residual branches in the network.
        layers_per_block: m, the number of layers with a kernel in each, 2 or more.
        seed: Integer that fixes the numbers, or a `keras.random.SeedGenerator`.

    Call arguments:
        shape: Shape of the kernel.
        dtype: Type of the kernel; Keras' default float if None.

    Returns:
        The kernel, from a truncated normal distribution.

    Raises:
        ValueError: `num_blocks` is no positive integer, or `layers_per_block` no integer of 2 or more.

    Example:
        >>> import keras
        >>> from tensorsmith.layers import ResidualUnit
        >>> unit = ResidualUnit(16, normalization=None, kernel_initializer=Fixup(num_blocks=8))
        >>> unit.build((None, 8, 8, 16))
        >>> last = unit.residual[-1]  # the convolution that ends the branch
        >>> zeros = last.kernel.assign(keras.ops.zeros_like(last.kernel))
        >>> x = keras.random.normal((2, 8, 8, 16), seed=1)
        >>> bool(keras.ops.all(unit(x) == keras.ops.relu(x)))  # the branch adds nothing yet
        True
        >>> classifier = keras.layers.Dense(10, kernel_initializer="zeros")
    """

    def __init__(
        self, num_blocks: int, layers_per_block: int = 2, seed: int | keras.random.SeedGenerator | None = None
    ):
        check(is_integer(num_blocks) and num_blocks > 0, "num_blocks", num_blocks, "a positive integer")
        fits = is_integer(layers_per_block) and layers_per_block > 1
        check(fits, "layers_per_block", layers_per_block, "an integer of 2 or more", "a single layer begins with zeros")
        num_blocks, layers_per_block, seed = plain((num_blocks, layers_per_block, seed))
        scale = 2 * num_blocks ** (-1 / (layers_per_block - 1))
        super().__init__(scale, "fan_in", "truncated_normal", seed)
        self.num_blocks = num_blocks
        self.layers_per_block = layers_per_block

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        seed = super().get_config()["seed"]
        return {"num_blocks": self.num_blocks, "layers_per_block": self.layers_per_block, "seed": seed}
