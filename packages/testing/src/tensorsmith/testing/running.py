"""Selection and execution of conformance checks, with or without pytest."""

from tensorsmith.core import argument_error, did_you_mean
from tensorsmith.testing.errors import ConformanceError
from tensorsmith.testing.rows import Row


def checks_for(row: Row) -> list[str]:
    """Returns the names of the checks that apply to a row of the conformance table.

    Example:
        >>> from tensorsmith.testing import ScheduleRow
        >>> import keras
        >>> decay = keras.optimizers.schedules.ExponentialDecay
        >>> kwargs = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}
        >>> checks_for(ScheduleRow(decay, kwargs=kwargs, steps=[0, 5]))[:3]
        ['config_round_trip', 'eager_equals_function', 'save_and_load']
    """
    from tensorsmith.testing.table import CHECKS

    return [name for name, check in CHECKS.items() if isinstance(row, check.kinds) and check.trait(row)]


def run_check(row: Row, check_name: str) -> None:
    """Runs a single check of a row in the current process.

    Args:
        row: Conformance table row of the component.
        check_name: Name of the check, one of `checks_for(row)`.

    Raises:
        ConformanceError: If the component fails the check.
        ValueError: If the check does not exist or does not apply to the row.

    Example:
        >>> from tensorsmith.testing import Data, LayerRow
        >>> import keras
        >>> row = LayerRow(keras.layers.Dense, kwargs={"units": 3}, inputs=Data((5,)), bad=[({"units": 0}, "positive")])
        >>> run_check(row, "eager_equals_function")
    """
    from tensorsmith.testing.table import CHECKS

    names = checks_for(row)
    if check_name not in names:
        raise argument_error("check_name", check_name, f"one of {names}", did_you_mean(check_name, names))
    try:
        CHECKS[check_name].run(row)
    except ConformanceError as error:
        raise ConformanceError(f"{row.title} fails {check_name}: {error}") from error.__cause__
    except Exception as error:
        purpose = str(CHECKS[check_name].run.__doc__).splitlines()[0]
        raise ConformanceError(
            f"{row.title} fails {check_name} ({purpose}) with {type(error).__name__}: {error}"
        ) from error
