"""Runs a script that imports tensorflow_addons: python -m tensorsmith.addons SCRIPT [ARGUMENT ...]."""

import argparse
import runpy
import sys
from pathlib import Path

parser = argparse.ArgumentParser("python -m tensorsmith.addons", description="Runs a script on TensorFlow Addons.")
parser.add_argument("script", help="a Python file that imports tensorflow_addons")
parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own")
given = parser.parse_args()
sys.argv = [given.script, *given.arguments]
sys.path[0] = str(Path(given.script).resolve().parent)  # as for `python SCRIPT`
runpy.run_path(given.script, run_name="__main__")
