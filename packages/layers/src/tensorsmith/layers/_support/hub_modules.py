"""Local folders of TensorFlow Hub modules, which are downloaded if necessary, and the safe mode of loading them."""

import hashlib
import os
from pathlib import Path

import keras

from tensorsmith.core import argument_error


def module_folder(handle: str, fetch: bool = True) -> str:
    """Returns the local folder of a TensorFlow Hub module, which is downloaded if necessary.

    Args:
        handle: Local folder, or URL of a TensorFlow Hub module. URLs are looked up in the Hub cache: the folder in the
            environment variable `TFHUB_CACHE_DIR`, or `~/.cache/tfhub_modules`.
        fetch: If `True`, download modules that are not cached, using the package tensorflow-hub.

    Raises:
        ValueError: If the module is not found.
    """
    if _is_saved_model(Path(handle)):
        return handle
    if "://" not in handle:
        raise argument_error("handle", handle, "a folder with a saved_model.pb, or a URL that begins with https://")
    # The default of tensorflow-hub is in the directory for temporary files, where every user of the machine can place a
    # module, which can run code.
    cache = Path(os.environ.get("TFHUB_CACHE_DIR") or Path.home() / ".cache" / "tfhub_modules")
    cached = cache / hashlib.sha1(handle.encode()).hexdigest()  # file name used by tensorflow-hub
    if _is_saved_model(cached):
        return str(cached)
    remedy = f"download and unpack the module and pass its folder, or move it to the TensorFlow Hub cache as {cached}"
    if not fetch:
        expected = "a module that is available locally when a model is loaded"
        raise argument_error(
            "handle", handle, expected, f"call `HubLayer(handle)` once to download the module, or {remedy}"
        )
    try:
        import tensorflow_hub

        os.environ["TFHUB_CACHE_DIR"] = str(cache)
        return str(tensorflow_hub.resolve(handle))
    except ImportError:
        expected = "a module in the TensorFlow Hub cache when tensorflow-hub is not installed"
        raise argument_error("handle", handle, expected, f"run `pip install tensorflow-hub`, or {remedy}") from None
    except Exception as error:
        raise argument_error(
            "handle", handle, f"the URL of a module that can be downloaded ({error})", remedy
        ) from error


def _is_saved_model(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file()


def is_safe_mode() -> bool:
    """Returns `True` while Keras loads a saved model in safe mode, in which it refuses to load code.

    No public function of Keras returns the mode, but Keras refuses a lambda function in safe mode with a `ValueError`.
    Outside of it, this one raises another error because it is invalid.
    """
    function = {"class_name": "__lambda__", "config": {"value": None}}
    try:
        keras.saving.deserialize_keras_object(function, safe_mode=False)
    except ValueError:
        return True
    except (AttributeError, TypeError):
        return False
    return False
