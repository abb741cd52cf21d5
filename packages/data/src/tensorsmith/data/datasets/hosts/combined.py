"""Several hosts that together provide the files of a data set."""

from dataclasses import dataclass, field
from pathlib import Path

from tensorsmith.core import ProgressTask
from tensorsmith.data.datasets.hosts.base import File, Host


@dataclass(frozen=True)
class Combined(Host):
    """Hosts that each provide some of the files of a data set.

    Attributes:
        hosts: Hosts of files with different names, fetched in this order.
    """

    files: tuple[File, ...] = field(init=False)
    hosts: tuple[Host, ...]

    def __post_init__(self) -> None:
        """Sets `files` to those of all hosts."""
        object.__setattr__(self, "files", tuple(file for host in self.hosts for file in host.files))

    @property
    def location(self) -> str:
        """Descriptions of the hosts, shown in messages."""
        return " and ".join(host.location for host in self.hosts)

    @property
    def size(self) -> int:
        """Number of bytes to download."""
        return sum(host.size for host in self.hosts)

    def fetch(self, folder: Path, task: ProgressTask) -> None:
        """Fetches the files of each host in a separate folder, and moves them to `folder`."""
        received = 0
        for number, host in enumerate(self.hosts):
            part = folder / f"part-{number}"
            part.mkdir()
            host.fetch(part, _Shifted(task, received))
            received += host.size
            for file in host.files:
                (part / file.name).replace(folder / file.name)


class _Shifted(ProgressTask):
    """Task of a host, which is a part of the task of all hosts."""

    def __init__(self, task: ProgressTask, start: int):
        super().__init__()
        self._task, self._start = task, start

    def set_completed(self, count: int) -> None:
        self._task.set_completed(self._start + count)
