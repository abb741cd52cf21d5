"""Import of TensorFlow and Keras without their startup messages."""

import os
import sys
import tempfile
import warnings

NOISE = (
    "absl::InitializeLog",
    "oneDNN custom operations",
    "cudart_stub",
    "cuda drivers",
    "computation_placer",
    "Unable to register cu",
    "cpu_feature_guard",
    "rebuild TensorFlow with the appropriate compiler flags",
)


def load_tensorflow() -> None:
    """Import TensorFlow and Keras without their known startup messages. Other messages are still printed.

    TensorFlow's C++ log shows only fatal errors, unless `TF_CPP_MIN_LOG_LEVEL` is set. Keras uses the TensorFlow
    backend regardless of its configuration file.

    Raises:
        ImportError: If `KERAS_BACKEND` names a backend other than TensorFlow.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ImportError(
            f"KERAS_BACKEND must be 'tensorflow', the only backend that tensorsmith supports, got {backend!r}. "
            "Run `unset KERAS_BACKEND`."
        )
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # The messages come from C++ before any logger is configured, so they can only be captured at the file descriptor.
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import keras  # noqa: F401
                import tensorflow  # noqa: F401
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if not any(noise in line for noise in NOISE):
                    print(line, file=sys.stderr)
