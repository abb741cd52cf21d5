"""Access to private attributes of TensorFlow. A test ensures that no other file reads them."""

import inspect
from typing import Any

import tensorflow as tf

# Modules that trace functions for a SavedModel or a TFLite file.
EXPORTERS = ("keras.src.export.", "tensorflow.lite.", tf.saved_model.save.__module__)


def control_flow_context(graph: tf.Graph) -> Any:
    """Returns the innermost control flow context in which ops are added to the graph, or `None`.

    A context has the public method `IsXLAContext`, but no public attribute of a graph returns it. Checked with
    TensorFlow 2.18.1, 2.20.0 and 2.21.0.
    """
    return graph._get_control_flow_context()


def exports_model() -> bool:
    """Returns `True` if Keras or TensorFlow is exporting a model, which must load without the compiled kernels.

    A function that is traced for an export has no attribute that distinguishes it from others. Therefore, the modules
    that export models are looked up on the call stack. Checked with Keras 3.12.0 and 3.15.1, and TensorFlow 2.18.1 and
    2.21.0.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(EXPORTERS):
            return True
        frame = frame.f_back
    return False
