"""Base class of the samplers of this package."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.draws import Draws
from tensorsmith.seq2seq._support.functions import restored
from tensorsmith.seq2seq.addons.sampler import Sampler


class BaseSampler(Sampler):
    """Sampler that knows its batch size after `initialize`, and draws scalar tokens.

    Attributes:
        draws: Sources of random numbers.
    """

    function_names: tuple[str, ...] = ()  # arguments that are functions or layers

    def __init__(self) -> None:
        self.draws: dict[str, Draws] = {}
        self._batch_size: Tensor | None = None

    def _start(self, batch_size: Tensor) -> None:
        """Begin a decoder call."""
        self._batch_size = batch_size
        for draws in self.draws.values():
            draws.start()

    @property
    def batch_size(self) -> Tensor:
        """Batch size of the result of `sample`, a scalar."""
        check(self._batch_size is not None, "sampler", self, "initialized before its batch size is known")
        return self._batch_size

    @property
    def sample_ids_shape(self) -> tf.TensorShape:
        """Shape of the result of `sample` without the batch axis."""
        return tf.TensorShape([])

    @property
    def sample_ids_dtype(self) -> tf.DType:
        """Data type of the result of `sample`."""
        return tf.int32

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BaseSampler":
        """Create the sampler from its config."""
        return cls(**restored(config, *cls.function_names))
