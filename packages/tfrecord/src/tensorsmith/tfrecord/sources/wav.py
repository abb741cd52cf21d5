"""WAV files as a data source, stored without re-encoding."""

import io
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from tensorsmith.tfrecord.schema import Feature
from tensorsmith.tfrecord.sources.batches import in_batches
from tensorsmith.tfrecord.sources.classes import Classes
from tensorsmith.tfrecord.sources.source import Batch, Reject
from tensorsmith.tfrecord.sources.table import TableSource


class WavFiles(TableSource):
    """Data source with one row per WAV file.

    The features are `audio` of shape `(samples,)` or `(samples, channels)`, `rate`, and `label` if the files are in
    folders by class. Files that do not have 16-bit samples are rejected.

    Args:
        files: Paths of the WAV files.
        root: Parent folder of the class folders, or `None` if the files have no classes.
    """

    by_file = True

    def __init__(self, files: list[Path], root: Path | None = None) -> None:
        self.files = files
        self._classes = Classes(root, files)
        self._name = str(root or self.files[0].parent)
        self._channels: set[int] = set()

    def rows(self) -> Iterator[Batch]:
        """Yields all rows of the data source in batches."""
        types = [("audio", pa.binary()), ("rate", pa.int64())] + [("label", pa.int64())] * bool(self._classes.names)
        rows = ((self._row(path), (str(path), 1)) for path in self.files)
        yield from in_batches(rows, self._name, pa.schema(types), 1 + self.before)

    def known(self) -> Mapping[str, Feature]:
        """Returns all features of the data source."""
        channels = next(iter(self._channels)) if len(self._channels) == 1 else None
        audio = Feature("int16", (None,) if channels == 1 else (None, channels), "wav")
        label = {"label": Feature("int64", labels=self._classes.names)} if self._classes.names else {}
        return {"audio": audio, "rate": Feature("int64"), **label}

    def _row(self, path: Path) -> dict[str, Any] | Reject:
        try:
            label = {"label": self._classes.number_of(path)} if self._classes.names else {}
            data = path.read_bytes()
            rate, channels = _head(data)
        except OSError as error:
            return Reject(str(path), 1, "", f"the file cannot be read: {error.strerror}")
        except ValueError as error:
            return Reject(str(path), 1, "", str(error))
        self._channels.add(channels)
        return {"audio": data, "rate": rate, **label}


def _head(data: bytes) -> tuple[int, int]:
    """Returns the sampling rate and the number of channels of a WAV file.

    Raises:
        ValueError: If the data is not a complete WAV file of 16-bit samples.
    """
    try:
        with wave.open(io.BytesIO(data)) as sound:
            channels, width, rate, count = sound.getparams()[:4]
            missing = count * width * channels - len(sound.readframes(count))
    except (wave.Error, EOFError, RuntimeError) as error:
        raise ValueError(f"the WAV file is corrupted: {error or 'unexpected end of file'}") from None
    if missing:
        raise ValueError(f"the WAV file is truncated: {missing:,} bytes of samples are missing")
    if width != 2:
        raise ValueError(f"samples must have 16 bits, got {8 * width}")
    return rate, channels
