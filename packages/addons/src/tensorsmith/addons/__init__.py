"""Compatibility layer that runs TensorFlow Addons 0.23 on TensorFlow 2.21, with Keras 2 as `tf.keras`."""

from tensorsmith.addons.bridge import load_addons

load_addons()

from tensorflow_addons import (
    __version__,
    activations,
    callbacks,
    image,
    layers,
    losses,
    metrics,
    optimizers,
    options,
    register_all,
    rnn,
    seq2seq,
    text,
    types,
)

__all__ = [
    "__version__",
    "activations",
    "callbacks",
    "image",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "options",
    "register_all",
    "rnn",
    "seq2seq",
    "text",
    "types",
]
