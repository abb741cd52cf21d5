"""Fixup initializer for deep residual networks without normalization."""

from typing import Any

import keras

from tensorsmith.core import check, export, is_integer, plain


@export
class Fixup(keras.initializers.VarianceScaling):
    """Fixup initializer, which makes residual networks trainable without normalization.

    It scales the kernels so that an update step changes the outputs by the same order of magnitude at any depth. Use it
    for all layers of the residual branches except the last one of each branch. Initialize the last layers and the
    classification layer to zeros. Formula, for L branches of m layers each: a scaled He normal distribution with

        standard deviation = L^(-1 / (2 m - 2)) sqrt(2 / fan_in)

    The paper trains networks of 10,000 layers with it. It also uses a scalar multiplier for each branch and scalar
    biases before layers, which are not part of this initializer.

    Source: Zhang, Dauphin and Ma, "Fixup Initialization: Residual Learning Without Normalization", 2019.

    Args:
        num_blocks: Integer L, the number of residual branches in the network.
        layers_per_block: Integer m of 2 or more, the number of layers with a kernel in each residual branch.
        seed: Integer or `keras.random.SeedGenerator` to seed the random generator.

    Call arguments:
        shape: Shape of the kernel.
        dtype: Data type of the kernel. If `None`, `keras.config.floatx()` is used.

    Returns:
        The kernel, drawn from a truncated normal distribution.

    Raises:
        ValueError: If `num_blocks` is not a positive integer, or `layers_per_block` is not an integer of 2 or more.

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
        remedy = "if each residual branch has only one layer, initialize its kernel with zeros instead"
        check(fits, "layers_per_block", layers_per_block, "an integer >= 2", remedy)
        num_blocks, layers_per_block, seed = plain((num_blocks, layers_per_block, seed))
        # VarianceScaling divides by fan_in itself: the scale is the squared standard deviation times fan_in.
        scale = 2 * num_blocks ** (-1 / (layers_per_block - 1))
        super().__init__(scale, "fan_in", "truncated_normal", seed)
        self.num_blocks = num_blocks
        self.layers_per_block = layers_per_block

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the initializer."""
        seed = super().get_config()["seed"]
        return {"num_blocks": self.num_blocks, "layers_per_block": self.layers_per_block, "seed": seed}
