"""Compiled kernels for TensorFlow on CPU, each with a gradient and a reference twin in plain TensorFlow."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.ops.attention import attention
from tensorsmith.ops.dispatch import active, use
from tensorsmith.ops.layer_norm import layer_norm, rms_norm
from tensorsmith.ops.library import Library, library, set_threads

__all__ = ["Library", "active", "attention", "layer_norm", "library", "rms_norm", "set_threads", "use"]
