"""Import of TensorFlow Addons on TensorFlow 2.21, although Addons requires Keras 2 and an older TensorFlow."""

import contextlib
import importlib
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from tensorsmith.core import load_tensorflow

LEGACY = "TF_USE_LEGACY_KERAS"
# Modules of Keras 2 that Addons imports from the package `keras`.
PARTS = ("", ".src", ".src.backend", ".src.engine", ".src.engine.keras_tensor", ".src.utils", ".src.utils.tf_utils")


def load_addons() -> None:
    """Imports tensorflow_addons without warnings, so that `import tensorflow_addons` works afterwards.

    `tf.keras` is Keras 2 (tf_keras) in this process. The compiled ops of Addons, which TensorFlow releases after 2.15
    cannot load, are replaced by their Python implementations or by the kernels of tensorsmith. Ops with neither raise
    an error when they are called.

    Raises:
        ImportError: If Addons is not installed, or if TensorFlow was imported with Keras 3 before.
    """
    if importlib.util.find_spec("tensorflow_addons") is None:
        raise ImportError(
            f"tensorflow-addons is not installed, and has no release for Python 3.12 or later (this is Python "
            f"{sys.version_info.major}.{sys.version_info.minor}). Use Python 3.11, or migrate the code with "
            "`tensorsmith migrate`."
            if sys.version_info >= (3, 12)
            else "tensorflow-addons is not installed. Run `pip install ./packages/addons`."
        )
    if "tensorflow" in sys.modules and os.environ.get(LEGACY) not in ("1", "true", "True"):
        raise ImportError(
            "TensorFlow has been imported before tensorsmith.addons, with Keras 3 as tf.keras. Import "
            f"tensorsmith.addons first, or set {LEGACY}=1."
        )
    os.environ[LEGACY] = "1"
    load_tensorflow()
    with warnings.catch_warnings(action="ignore"), _keras_2():
        importlib.import_module("tensorflow_addons")
    _replace_compiled_ops()
    _restore_infinity()


@contextlib.contextmanager
def _keras_2() -> Iterator[None]:
    """Context manager in which `import keras` imports the Keras 2 modules that Addons uses."""
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
    options.warn_fallback = lambda op_name: None  # suppresses a stack trace for each op with a Python implementation


def _restore_infinity() -> None:
    """Gives the beam search of Addons the name `np.Inf`, which NumPy 2 has removed."""
    from tensorflow_addons.seq2seq import beam_search_decoder

    numpy = beam_search_decoder.np
    beam_search_decoder.np = types.SimpleNamespace(Inf=numpy.inf, int64=numpy.int64)  # all names that the module uses


class _CompiledOps:
    """Replacement for the compiled libraries of Addons, which uses tensorsmith kernels and rejects unsupported ops."""

    @property
    def addons_gather_tree(self) -> Callable[..., Any]:
        from tensorsmith import ops

        return ops.gather_tree

    def __getattr__(self, name: str) -> NoReturn:
        import tensorflow as tf

        # On this error, Addons uses its Python implementation if there is one.
        raise tf.errors.NotFoundError(
            None,
            None,
            f"TensorFlow Addons' compiled op {name} was built for TensorFlow 2.15, cannot be loaded by "
            f"{tf.__version__} and has no Python implementation. Use an environment with Python 3.11, "
            "tensorflow==2.15.1 and tensorflow-addons==0.23.0.",
        )
