"""What layers on compiled kernels share."""

from tensorsmith import ops


class KernelLayer:
    """Mixin, put before the Keras class: keeps XLA away for as long as compiled kernels are active.

    Under XLA the ops would take their reference twins, and where Keras chooses XLA it goes by this flag.
    """

    _keras_supports_jit = True

    @property
    def supports_jit(self) -> bool:
        """Whether Keras may compile models with this layer by XLA."""
        return self._keras_supports_jit and not ops.active()

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        self._keras_supports_jit = value
