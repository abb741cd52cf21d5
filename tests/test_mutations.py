"""Every deliberate defect still has code to break and tests to run; `tests/mutations/run.py` runs them."""

import runpy
from pathlib import Path

mutations = runpy.run_path(str(Path(__file__).parent / "mutations/run.py"))


def test_mutants_apply():
    files = mutations["tracked"]()
    for mutant in mutations["MUTANTS"]:
        assert mutations["source_of"](mutant, files).is_file()
        assert mutations["tests_of"](mutant, files), mutant.name
