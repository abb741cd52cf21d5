"""Tests of the check that nothing else runs on the machine."""

import pytest

from tensorsmith.recipes.recorded import quiet_machine


def test_rates_are_compared_with_the_highest_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path / "cache"))
    rates = iter([100.0, 95.0, 80.0, 120.0, 100.0])
    monkeypatch.setattr(quiet_machine, "_rate", lambda: next(rates))
    assert [quiet_machine.is_quiet() for _ in range(5)] == [True, True, False, True, False]
    assert float((tmp_path / "cache/quiet_rate.txt").read_text()) == 120.0


@pytest.mark.parametrize("content", ["", "fast", "nan"])
def test_damaged_file(content, tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORSMITH_DATA", str(tmp_path))
    (tmp_path / "quiet_rate.txt").write_text(content)
    monkeypatch.setattr(quiet_machine, "_rate", lambda: 100.0)
    assert quiet_machine.is_quiet()
    assert float((tmp_path / "quiet_rate.txt").read_text()) == 100.0
