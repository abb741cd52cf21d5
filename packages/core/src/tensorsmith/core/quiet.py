"""Importing TensorFlow without the page of log lines it prints, in one place."""

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
    """Imports TensorFlow and Keras without their chatter; other lines that they print at start-up come through.

    TensorFlow's own log stays off below fatal errors, unless `TF_CPP_MIN_LOG_LEVEL` is set. Keras runs on TensorFlow
    whatever its configuration file says.

    Raises:
        ImportError: `KERAS_BACKEND` names something else than TensorFlow.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise ImportError(
            f"`KERAS_BACKEND`: received {backend!r}, expected 'tensorflow', the one backend tensorsmith runs on. "
            "Remedy: `unset KERAS_BACKEND`."
        )
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # The lines come from C++ before any logger is configured: only the file descriptor catches them.
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
