"""Access to private attributes of TensorFlow. A test ensures that no other file reads them."""

from typing import Any

import tensorflow as tf


def control_flow_context(graph: tf.Graph) -> Any:
    """Returns the innermost control flow context in which ops are added to the graph, or `None`.

    A context has the public method `IsXLAContext`, but no public attribute of a graph returns it. Checked with
    TensorFlow 2.18.1, 2.20.0 and 2.21.0.
    """
    return graph._get_control_flow_context()
