import pytest
from hypothesis import given
from hypothesis import strategies as some

from tensorsmith.core import Duration, Timeline
from tensorsmith.testing import raises_argument_error

RUN = Timeline(steps_per_epoch=100, batch_size=32, total_steps=1000)


@pytest.mark.parametrize(
    ("written", "steps"),
    [
        (7, 7),
        (0, 0),
        ("7 steps", 7),
        ("1 step", 1),
        ("3 epochs", 300),
        ("0.5 EPOCHS", 50),
        ("25%", 250),
        ("25 percent", 250),
        ("64 examples", 2),
        ("65 examples", 3),  # rounded up to whole steps
        ("1e3 examples", 32),
    ],
)
def test_steps(written, steps):
    assert Duration.parse(written).steps(RUN) == steps


@given(some.integers(1, 10**6), some.integers(1, 10**4))
def test_units_agree(steps, per_epoch):
    run = Timeline(steps_per_epoch=per_epoch, batch_size=8, total_steps=steps)
    assert Duration.parse("100%").steps(run) == steps
    assert Duration.parse(f"{8 * steps} examples").steps(run) == steps
    assert Duration.parse("2 epochs").steps(run) == 2 * Duration.parse("1 epoch").steps(run)


@pytest.mark.parametrize(("written", "seconds"), [("90 s", 90), ("1.5 minutes", 90), ("2 h", 7200), ("3 epochs", None)])
def test_seconds(written, seconds):
    assert Duration.parse(written).seconds == seconds


@pytest.mark.parametrize("written", [-1, "-1 epochs", "3 fortnights", "epochs", "3", 1.5, None, True, "101%", "nan s"])
def test_bad_durations(written):
    with raises_argument_error("warmup"):
        Duration.parse(written, "warmup")


@pytest.mark.parametrize("written", ["1 epoch", "1%", "1 example", "1 minute"])
def test_unknown_timeline(written):
    with pytest.raises(
        ValueError, match="^warmup must be (a number of steps when `.*` is unknown|specified in steps), .*got '1"
    ):
        Duration.parse(written, "warmup").steps(Timeline(), "warmup")
