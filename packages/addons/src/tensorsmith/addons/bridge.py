"""How Addons, which was built for Keras 2 and for a TensorFlow of its own, is imported on today's."""

import contextlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from tensorsmith.core import load_tensorflow

LEGACY = "TF_USE_LEGACY_KERAS"
# The parts of Keras 2 that Addons asks the package `keras` for.
PARTS = ("", ".src", ".src.backend", ".src.engine", ".src.engine.keras_tensor", ".src.utils", ".src.utils.tf_utils")


def load_addons() -> None:
    """Imports tensorflow_addons, silently, so that `import tensorflow_addons` works from then on.

    `tf.keras` is Keras 2 (tf_keras) in this process. Where Addons has compiled ops, which no TensorFlow after 2.15 can
    load, its Python paths or our kernels take over; the others say what they are when they are called.

    Raises:
        ImportError: There is no Addons for this Python, or TensorFlow has been imported with Keras 3 before.
    """
    if importlib.util.find_spec("tensorflow_addons") is None:
        raise ImportError(
            f"tensorflow-addons is not installed, and there is none for Python 3.12 and later (this is Python "
            f"{sys.version_info.major}.{sys.version_info.minor}). Remedy: Python 3.11, or move the code by "
            "`tensorsmith migrate`."
            if sys.version_info >= (3, 12)
            else "tensorflow-addons is not installed. Remedy: pip install ./packages/addons"
        )
    if "tensorflow" in sys.modules and os.environ.get(LEGACY) not in ("1", "true", "True"):
        raise ImportError(
            "TensorFlow has been imported before tensorsmith.addons, with Keras 3 as tf.keras. Remedy: import "
            f"tensorsmith.addons first, or set {LEGACY}=1."
        )
    os.environ[LEGACY] = "1"
    load_tensorflow()
    with warnings.catch_warnings(action="ignore"), _keras_2():
        importlib.import_module("tensorflow_addons")
    _replace_compiled_ops()


@contextlib.contextmanager
def _keras_2() -> Iterator[None]:
    """Lets imports of `keras` find Keras 2, of which Addons takes some parts; afterwards they find Keras 3 again."""
    substitutes = {f"keras{part}": importlib.import_module(f"tf_keras{part}") for part in PARTS}
    before = {name: sys.modules.get(name) for name in substitutes}
    sys.modules.update(substitutes)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _replace_compiled_ops() -> None:
    from tensorflow_addons import options
    from tensorflow_addons.utils.resource_loader import LazySO

    LazySO.ops = property(lambda library: _CompiledOps())
    options.warn_fallback = lambda op_name: None  # its stack trace for each op that has a Python path


class _CompiledOps:
    """In place of one of Addons' libraries: our kernels, and errors for the ops that have none."""

    @property
    def addons_gather_tree(self) -> Callable[..., Any]:
        from tensorsmith import ops

        return ops.gather_tree

    def __getattr__(self, name: str) -> NoReturn:
        import tensorflow as tf

        # Addons takes its Python path on this error, where it has one.
        raise tf.errors.NotFoundError(
            None,
            None,
            f"TensorFlow Addons' compiled op {name} was built for TensorFlow 2.15, cannot be loaded by "
            f"{tf.__version__} and has no Python path. Remedy: an environment with Python 3.11, tensorflow==2.15.1 and "
            "tensorflow-addons==0.23.0.",
        )
