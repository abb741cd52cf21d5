"""Tests that each deliberate defect matches existing code and tests. `tests/mutations/run.py` runs the defects."""

import runpy
from pathlib import Path

mutations = runpy.run_path(str(Path(__file__).parent / "mutations/run.py"))


def test_mutants_apply():
    files = mutations["tracked"]()
    for mutant in mutations["MUTANTS"]:
        assert mutations["source_of"](mutant, files).is_file()
        assert mutations["tests_of"](mutant, files), mutant.name
