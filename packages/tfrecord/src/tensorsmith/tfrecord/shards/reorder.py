"""The records of files in other shards, in another order, and in splits."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import SILENT, Progress, check
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord._support.manifest import fingerprints
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.layout import name_of, shard_paths, split_sizes
from tensorsmith.tfrecord.shards.reading import compression_of_file, read
from tensorsmith.tfrecord.shards.rearrange import rearrange
from tensorsmith.tfrecord.shards.resume import UNPACKED, manifest_kept

CHUNK = 1 << 20  # records that are looked at together


@dataclass(frozen=True)
class Split:
    """What was written of a split.

    Attributes:
        records: How many records.
        paths: Its shards.
    """

    records: int
    paths: list[Path]


def reorder(
    files: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    name: str = "",
    shards: int | None = None,
    shard_size: int = 256_000_000,
    compression: str = "none",
    seed: int | None = None,
    split: Mapping[str, float] | None = None,
    resume: bool = False,
    manifest: Path | None = None,
    progress: Progress = SILENT,
    rearrange: Callable[..., None] = rearrange,
) -> dict[str, Split]:
    """Writes the records of files anew: into shards of another number or size, shuffled as a whole, in splits.

    Each record is written once, with its bytes as they are. Compressed files are unpacked into a temporary folder.

    Args:
        files: TFRecord files; their order is that of the records.
        folder: Where to; it is made where it is missing.
        name: Of the shards; by default that of the first file.
        shards: How many shards to a split.
        shard_size: Where `shards` is `None`, about how many bytes a shard has, before compression; as shards have
            equally many records, those with large ones have more.
        compression: Of the shards: "none", "gzip" or "zlib".
        seed: Of the order; `None` keeps it as it is. Equal seeds give equal bytes.
        split: Name to fraction of each split; fractions add up to 1, and counts are as near to them as integers can be.
        resume: Whether to go on with what an interrupted call began, of which all else was the same, files included.
            What that call was asked for is in a hidden file of the folder until all shards are there.
        manifest: A file with what was asked for, which stays; by default one that vanishes at the end.
        progress: Shows the progress.
        rearrange: What writes the shards of a split, as the function of this name does.

    Returns:
        Name to what was written of each split; without splits the name is "".

    Raises:
        ValueError: A number is not positive, or the folder has shards of these names that are not to be gone on with.
        DamagedFileError: A record is damaged.
    """
    check(shard_size > 0, "shard_size", shard_size, "a positive number of bytes")
    check(shards is None or shards > 0, "shards", shards, "one or more")
    check(seed is None or seed >= 0, "seed", seed, "0 or more")
    folder, name = Path(folder), name or name_of(files[0])
    check(Path(name).name == name, "name", name, "a name without a folder")
    folder.mkdir(parents=True, exist_ok=True)
    names = {f"{name}-{part}" if part else name for part in split or {"": 1.0}}
    asked: dict[str, Any] = {"shards": shards, "shard_size": shard_size, "compression": compression, "seed": seed}
    asked |= {"split": list((split or {}).items()), "files": fingerprints(files)}
    with manifest_kept(folder, name, names, asked, resume, manifest), _unpacked(files, folder, name) as plain:
        index = Index.of(plain)
        order = np.arange(len(index), dtype="int32" if len(index) < 2**31 else "int64")  # there may be very many
        if seed is not None:
            np.random.default_rng(seed).shuffle(order)
        sizes = split_sizes(len(index), split or {"": 1.0})
        runs = dict(zip(sizes, np.split(order, np.cumsum(list(sizes.values()))[:-1]), strict=True))
        splits = {}
        for part, run in runs.items():
            content = sum(int(index.sizes[run[at : at + CHUNK]].sum()) for at in range(0, len(run), CHUNK))
            content += len(run) * (HEADER + FOOTER)
            count = shards or max(1, -(-content // shard_size))
            splits[part] = Split(len(run), shard_paths(folder, f"{name}-{part}" if part else name, count))
        report = progress.start("writing", int(index.sizes.sum()) + len(index) * (HEADER + FOOTER)).advance
        for part, run in runs.items():
            rearrange(index, run, splits[part].paths, compression, resume=resume, report=report)
    return splits


@contextlib.contextmanager
def _unpacked(files: Sequence[str | os.PathLike[str]], folder: Path, name: str) -> Iterator[list[Path]]:
    """The files, or what is in those that are compressed, which are checked on the way."""
    plain = [Path(path) for path in files]
    packed = [number for number, path in enumerate(plain) if compression_of_file(path) != "none"]
    if not packed:
        yield plain
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}{UNPACKED}") as temporary:
        for number in packed:
            path, plain[number] = plain[number], Path(temporary) / f"{number}"
            with plain[number].open("wb") as out:
                for part in read(path):
                    first = int(part.records.begins[0]) - HEADER
                    out.write(part.records.data[first : first + part.size].data)
        yield plain
