"""Changes of logits by functions of the prefix."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.types import Adjust


def adjusted(logits: Tensor, prefix: Tensor, adjust: Sequence[Adjust]) -> Tensor:
    """Return logits after functions of the prefix have changed them.

    Raises:
        ValueError: If a function returns a tensor of another shape.
    """
    for function in adjust:
        changed = tf.convert_to_tensor(function(logits, prefix))
        received = Verbatim(f"a function that returns shape {changed.shape}")
        expected = f"functions that return logits of the same shape, {logits.shape}"
        check(changed.shape.is_compatible_with(logits.shape), "adjust", received, expected)
        logits = changed
    return logits
