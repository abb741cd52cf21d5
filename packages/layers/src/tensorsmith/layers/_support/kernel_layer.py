"""Base class for layers that use compiled kernels."""

from tensorsmith import ops


class KernelLayer:
    """Mixin for layers with compiled kernels. It disables XLA while the kernels are in use.

    It must precede the Keras class among the bases. Under XLA the ops would use their reference implementations, and
    Keras decides by this flag whether to use XLA.
    """

    _keras_supports_jit = True

    @property
    def supports_jit(self) -> bool:
        """If `True`, Keras may compile models that contain this layer with XLA."""
        return self._keras_supports_jit and not ops.active()

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        self._keras_supports_jit = value
