"""Builds the distributions as `make dist` does, and installs packages in empty environments."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
UV = Path(sys.executable).with_name("uv")
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT))
    for pattern in ("custom_ops", "packages")
    for path in ROOT.glob(f"{pattern}/*/pyproject.toml")
)
# The lock contains tensorflow-cpu instead of tensorflow, which is 600 MB larger.
LOCKED = ["--constraints", LOCK, "--overrides", ROOT / "tools/overrides.txt"]
TENSORFLOW = "tensorflow-cpu ; platform_machine == 'x86_64'"


def uv(*arguments, cwd):
    """Run uv offline, and again with network access if that fails.

    The wheels are in the cache since setup, but the metadata that dependency resolution needs may not be.
    """
    result = subprocess.run([UV, "--offline", *arguments], cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        result = subprocess.run([UV, *arguments], cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def build_dist(folder):
    """Build the wheels and source archives of all distributions."""
    result = subprocess.run(["sh", "tools/dist.sh", folder], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
