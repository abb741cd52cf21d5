"""Where the SavedModel that a handle names is on this machine."""

import hashlib
import os
import tempfile
from pathlib import Path

from tensorsmith.core import argument_error


def module_folder(handle: str, fetch: bool = True) -> str:
    """The folder of a SavedModel.

    Args:
        handle: A folder, or the address of a TensorFlow Hub module. Hub's cache is looked into first, the folder that
            the environment variable `TFHUB_CACHE_DIR` names, or `tfhub_modules` among the temporary files.
        fetch: Whether to download a module that is not there, which the package tensorflow-hub does.

    Raises:
        ValueError: There is none.
    """
    if _is_saved_model(Path(handle)):
        return handle
    if "://" not in handle:
        raise argument_error(
            "handle", handle, "a folder with a saved_model.pb, or an address that begins with https://"
        )
    cache = Path(os.environ.get("TFHUB_CACHE_DIR") or Path(tempfile.gettempdir()) / "tfhub_modules")
    cached = cache / hashlib.sha1(handle.encode()).hexdigest()  # as tensorflow-hub names it
    if _is_saved_model(cached):
        return str(cached)
    remedy = f"download and unpack it, and give its folder, or put it into Hub's cache as {cached}"
    if not fetch:
        expected = "a module that is on this machine, as loading a model fetches none"
        raise argument_error("handle", handle, expected, f"call HubLayer(handle) once, or {remedy}")
    try:
        import tensorflow_hub

        return str(tensorflow_hub.resolve(handle))
    except ImportError:
        expected = "a module in Hub's cache, as there is no tensorflow-hub to fetch it"
        raise argument_error("handle", handle, expected, f"pip install tensorflow-hub, or {remedy}") from None
    except Exception as error:
        raise argument_error("handle", handle, f"a module that can be fetched ({error})", remedy) from error


def _is_saved_model(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file()
