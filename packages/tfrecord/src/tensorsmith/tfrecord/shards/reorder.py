"""Function that rewrites records into new shards, optionally in random order or partitioned into splits."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.core import SILENT, Progress, Verbatim, check, temporary_folder
from tensorsmith.records.record import FOOTER, HEADER
from tensorsmith.tfrecord._support.folder_lock import folder_lock
from tensorsmith.tfrecord._support.manifest import fingerprints
from tensorsmith.tfrecord.schema.stored import copy_schema
from tensorsmith.tfrecord.shards.index import Index
from tensorsmith.tfrecord.shards.layout import name_of, shard_paths, split_sizes
from tensorsmith.tfrecord.shards.reading import compression_of_file, read
from tensorsmith.tfrecord.shards.rearrange import are_complete, rearrange
from tensorsmith.tfrecord.shards.resume import manifest_kept, shards_in

CHUNK = 1 << 20  # records that are processed together


@dataclass(frozen=True)
class Split:
    """Paths of the shards of a split, and the number of records that they contain.

    Attributes:
        records: Number of records.
        paths: Paths of the shards in the split.
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
    """Rewrites records into new shards, optionally in random order or partitioned into splits.

    Each record is written once, and its bytes are unchanged. Compressed files are unpacked into a temporary folder. The
    `schema.yaml` of the files is copied, unless the caller has its own manifest.

    Args:
        files: Paths of the TFRecord files. The order of the files is preserved.
        folder: Output folder. It is created if it does not exist.
        name: Prefix of the shard names. Defaults to the name of the files, if all of them have the same.
        shards: Number of shards in each split.
        shard_size: Approximate size of a shard in bytes before compression, used if `shards` is `None`. Shards contain
            nearly equal numbers of records, so their sizes vary with the record sizes.
        compression: Compression of the shards: "none", "gzip" or "zlib".
        seed: Random seed for shuffling. If `None`, the order is preserved. The same seed produces identical files.
        split: Mapping from split names to fractions of the records, which must sum to 1. The numbers of records are
            rounded to integers.
        resume: If `True`, resume an interrupted call with the same arguments. The files must be unchanged. The
            arguments are stored in a hidden file in the folder until all shards are written. If the call was
            completed, its shards are compared with the records, and nothing is written.
        manifest: Path of a permanent manifest file, if the caller has locked the folder. If `None`, the folder is
            locked by this function, and a temporary file is used and removed at the end.
        progress: Progress display to use.
        rearrange: Function that writes the shards of a split, with the signature of `rearrange`.

    Returns:
        Name of each split mapped to its records and shards. Without `split`, the only name is "".

    Raises:
        ValueError: If a number is out of range, or if the folder already has shards of these names that cannot be
            resumed.
        BlockingIOError: If another process is writing to the folder.
        DamagedFileError: If a record is damaged.
    """
    check(shard_size > 0, "shard_size", shard_size, "a positive number of bytes")
    check(shards is None or shards > 0, "shards", shards, ">= 1")
    check(seed is None or seed >= 0, "seed", seed, "a non-negative integer")
    found = list(dict.fromkeys(map(name_of, files)))
    several = Verbatim(f"no name for files of {' and '.join(found[:5])}")
    remedy = "pass the files of one data set or split, or pass a name to join them"
    check(bool(name) or len(found) <= 1, "name", several, "given if files have several names", remedy)
    folder, name = Path(folder), name or found[0]
    check(Path(name).name == name and name[0] != ".", "name", name, "a file name without a folder")
    names = {f"{name}-{part}" if part else name for part in split or {"": 1.0}}
    arguments: dict[str, Any] = {"shards": shards, "shard_size": shard_size, "compression": compression, "seed": seed}
    arguments |= {"split": list((split or {}).items()), "files": fingerprints(files)}
    folder.mkdir(parents=True, exist_ok=True)
    # A caller with its own manifest holds the lock.
    alone = folder_lock(folder) if manifest is None else contextlib.nullcontext()
    kept = manifest_kept(folder, name, names, arguments, resume, manifest)
    with alone, kept as exists, _unpacked(files, folder) as plain:
        index = Index.of(plain)
        order = np.arange(len(index), dtype="int32" if len(index) < 2**31 else "int64")  # int32 halves the memory
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
        total = int(index.sizes.sum()) + len(index) * (HEADER + FOOTER)
        report = progress.start("comparing" if exists else "writing", total).advance
        if exists:
            paths = [path for part in splits.values() for path in part.paths]
            same = sorted(paths) == shards_in(folder, names) and all(
                are_complete(index, run, splits[part].paths, compression, report) for part, run in runs.items()
            )
            expected = f"not contain other shards of {' and '.join(sorted(names))} than those of this call"
            check(same, "folder", str(folder), expected, "pass another folder or name")
            progress.print(f"The shards in {folder} are already complete.")
            return splits
        for part, run in runs.items():
            rearrange(index, run, splits[part].paths, compression, resume=resume, report=report)
        if manifest is None:
            copy_schema(files, folder)
    return splits


@contextlib.contextmanager
def _unpacked(files: Sequence[str | os.PathLike[str]], folder: Path) -> Iterator[list[Path]]:
    """Context manager that yields paths of uncompressed files. Compressed files are decompressed temporarily."""
    plain = [Path(path) for path in files]
    packed = [number for number, path in enumerate(plain) if compression_of_file(path) != "none"]
    if not packed:
        yield plain
        return
    with temporary_folder(folder) as temporary:
        for number in packed:
            path, plain[number] = plain[number], temporary / f"{number}"
            with plain[number].open("wb") as out:
                for part in read(path):
                    first = int(part.records.begins[0]) - HEADER
                    out.write(part.records.data[first : first + part.size].data)
        yield plain
