"""Sea surface temperatures off Maine, measured every half hour for 13 months."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import File, PythonArchive

TABLE = File(
    "sea_surface_temperature.csv.gz", 76453, "529155ac773634b0dca439781a839487640db92e2bdb597e372a2b0ba0ffbff0"
)
WHEEL = File(
    "bokeh_sampledata-2026.1-py3-none-any.whl",
    12835603,
    "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
)
PARTS = {"train": slice(15380), "validation": slice(15380, 17303), "test": slice(17303, None)}


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the timestamps and temperatures of a split."""
    with gzip.open(files[TABLE.name], "rt", encoding="ascii") as lines:
        table = np.loadtxt(lines, delimiter=",", skiprows=1, dtype=[("time", "U20"), ("temperature", "f4")])
    part = table[PARTS[split]]
    # NumPy does not accept the suffix Z, which denotes UTC.
    time = np.array([text.removesuffix("Z") for text in part["time"]], "datetime64[s]").astype(np.int64)
    return {"time": time, "temperature": part["temperature"].copy()}, None


INFO = DatasetInfo(
    name="sea_surface_temperature",
    title="Sea surface temperature off Maine",
    description=(
        "19,226 half-hourly temperatures of the Western Maine Shelf, from 2016-02-15 to 2017-03-22. Features: a dict "
        "of arrays (steps,), 'time' int64 in seconds since 1970 (UTC) and 'temperature' float32 in degrees Celsius. "
        "Labels: none. There are two gaps, of 1 and 23 missing measurements, and one duplicate time. Chronological "
        "split: the first 80 percent for training, the next 10 for validation, the last 10 for test."
    ),
    licence="free to use and redistribute, not intended for legal use",
    source=(
        "NERACOOS, University of Maine, station B01, https://data.neracoos.org/erddap/tabledap/B01_ocean_agg.html; "
        "an extract distributed with bokeh-sampledata"
    ),
    splits={"train": 15380, "validation": 1923, "test": 1923},
    read=read,
    sources=(
        PythonArchive(
            (TABLE,), name="bokeh-sampledata", version="2026.1", archive=WHEEL, folder="bokeh_sampledata/_data"
        ),
    ),
    kind="series",
    columns={"time": Column("int64", "seconds since 1970, UTC"), "temperature": Column(unit="degrees Celsius")},
)
