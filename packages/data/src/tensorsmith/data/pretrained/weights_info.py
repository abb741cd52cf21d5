"""Class for the descriptions of pretrained weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.hosts import Host


@dataclass(frozen=True)
class WeightsInfo:
    """Description of pretrained weights, which is available without fetching them.

    Attributes:
        name: Name to pass to `weights`.
        title: Human-readable name.
        description: Description of the model, its inputs, and the names, order, shapes and layout of the arrays.
        licence: Licence of the weights.
        source: Authors and original publication.
        read: Function that reads the arrays from the verified files, given by name.
        sources: Sources to fetch the files from, in order.
    """

    name: str
    title: str
    description: str
    licence: str
    source: str
    read: Callable[[Mapping[str, Path]], dict[str, np.ndarray]] = field(repr=False)
    sources: tuple[Host, ...] = field(repr=False)
