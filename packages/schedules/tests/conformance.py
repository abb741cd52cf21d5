import keras

from tensorsmith.core import Timeline
from tensorsmith.schedules import (
    Clip,
    CosineDecay,
    CosineRestarts,
    CyclicalLearningRate,
    ExponentialCyclicalLearningRate,
    ExponentialDecay,
    InverseSquareRoot,
    Join,
    Linear,
    OneCycle,
    PiecewiseConstant,
    Polynomial,
    PowerDecay,
    Repeat,
    Scale,
    Trapezoid,
    Triangular2CyclicalLearningRate,
    TriangularCyclicalLearningRate,
    Warmup,
)
from tensorsmith.testing import ScheduleRow

RUN = Timeline(steps_per_epoch=10, batch_size=4, total_steps=50)


@keras.saving.register_keras_serializable("tensorsmith_tests")
def lower_each_time(position):
    return 1 / position


def bound(kind):
    return lambda **arguments: kind(**arguments).bind(RUN)


def no_numbers(*names):
    return [({name: value}, "finite number") for name in names for value in (float("nan"), "high", True)]


def no_lengths(*names):
    bad = [
        (-1, "a non-negative duration"),
        ("-2 epochs", "a non-negative duration"),
        ("3 fortnights", "steps, epochs"),
        ("3 epohcs", "Did you mean epochs?"),
        ("90 seconds", "in steps, epochs, examples or percent"),
        (10.5, "a number of steps"),
        ([10], "a number of steps"),
    ]
    return [({name: value}, fragment) for name in names for value, fragment in bad]


def no_schedules():
    return [({"schedule": value}, "a schedule or a finite number") for value in ("cosine", None, CosineDecay)]


def nothing(name):
    return ({name: 0}, "at least 1 step")


DECAY = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
CYCLES = {"initial_learning_rate": 0.1, "maximal_learning_rate": 0.5, "step_size": 10}
BAD_CYCLES = [
    *no_numbers("initial_learning_rate", "maximal_learning_rate"),
    *[each for each in no_lengths("step_size") if each[0]["step_size"] != 10.5],  # Addons accepts fractions
    ({"step_size": -0.5}, "positive finite number"),
    nothing("step_size"),
    ({"scale_mode": "cycles"}, "Did you mean cycle?"),
]

ROWS = [
    ScheduleRow(
        Clip,
        kwargs={"schedule": CosineDecay(1.0, 30), "minimum": 0.1, "maximum": 0.8},
        steps=[0, 10, 20, 30, 99],
        bad=[
            *no_schedules(),
            *no_numbers("minimum", "maximum"),
            ({"minimum": 0.9}, "<= `maximum` (0.8)"),
            ({"minimum": None, "maximum": None}, "minimum or maximum must be passed"),
        ],
    ),
    ScheduleRow(
        CosineDecay,
        kwargs={"initial": 0.7, "steps": "30 steps", "final": 0.1},
        steps=[0, 1, 15, 29, 30, 99],
        bad=[*no_numbers("initial", "final"), *no_lengths("steps"), nothing("steps")],
    ),
    ScheduleRow(
        bound(CosineDecay),
        name="CosineDecay over a run",
        kwargs={"initial": 0.7, "steps": "100%"},
        steps=[0, 25, 50, 99],
        bad=[({"steps": "101%"}, "0% to 100%"), ({"steps": "0.1%"}, "at least 1 step")],
    ),
    ScheduleRow(
        CosineRestarts,
        kwargs={"initial": 0.7, "first_steps": 10, "t_mul": 1.5, "m_mul": 0.5, "final": 0.1},
        steps=[0, 9, 10, 24, 25, 47, 48, 1000],
        bad=[
            *no_numbers("initial", "final", "t_mul", "m_mul"),
            ({"t_mul": 0.5}, "a number >= 1"),
            ({"m_mul": 0.0}, "a positive finite number"),
            *no_lengths("first_steps"),
            nothing("first_steps"),
        ],
    ),
    ScheduleRow(
        CyclicalLearningRate,
        kwargs={**CYCLES, "scale_fn": lower_each_time, "scale_mode": "cycle", "name": "mine"},
        steps=[1, 10, 15, 20, 30, 999],
        bad=[*BAD_CYCLES, ({"scale_fn": 2.0}, "a function")],
    ),
    ScheduleRow(
        ExponentialCyclicalLearningRate,
        kwargs={**CYCLES, "scale_mode": "cycle", "gamma": 0.9, "name": "mine"},
        steps=[0, 5, 10, 15, 20, 30, 99],
        bad=[*BAD_CYCLES, *no_numbers("gamma")],
    ),
    ScheduleRow(
        ExponentialCyclicalLearningRate,
        name="ExponentialCyclicalLearningRate over steps, half a step more",
        kwargs={**CYCLES, "step_size": 10.5, "gamma": 0.9},
        steps=[0, 5, 10, 15, 20, 30, 99],
    ),
    ScheduleRow(
        ExponentialDecay,
        kwargs={"initial": 0.7, "steps": 10, "rate": 0.5, "staircase": True},
        steps=[0, 9, 10, 19, 20, 99],
        bad=[
            *no_numbers("initial", "rate"),
            ({"rate": 0.0}, "a positive finite number"),
            ({"staircase": "no"}, "True or False"),
            *no_lengths("steps"),
            nothing("steps"),
        ],
    ),
    ScheduleRow(
        InverseSquareRoot,
        kwargs={"peak": 0.7, "warmup": 10},
        steps=[0, 1, 9, 10, 11, 99],
        bad=[*no_numbers("peak"), *no_lengths("warmup"), nothing("warmup")],
    ),
    ScheduleRow(
        Join,
        kwargs={"schedules": [Linear(0.0, 0.7, 10), 0.7, DECAY], "boundaries": [10, "20 steps"]},
        steps=[0, 9, 10, 19, 20, 30, 99],
        bad=[
            ({"schedules": [0.1]}, "a list of at least two "),
            ({"schedules": 0.1}, "a list of at least two "),
            ({"boundaries": [10]}, "a list of 2"),
            ({"boundaries": 10}, "a list of 2"),
        ],
    ),
    ScheduleRow(
        bound(Join),
        name="Join over a run",
        kwargs={"schedules": [Linear(0.0, 0.7, "10%"), CosineDecay(0.7, "90%")], "boundaries": ["0.5 epochs"]},
        steps=[0, 4, 5, 30, 50, 99],
    ),
    ScheduleRow(
        Linear,
        kwargs={"initial": 0.7, "final": 0.1, "steps": 30},
        steps=[0, 1, 15, 29, 30, 99],
        bad=[*no_numbers("initial", "final"), *no_lengths("steps"), nothing("steps")],
    ),
    ScheduleRow(
        OneCycle,
        kwargs={"initial": 0.1, "peak": 1.0, "steps": 1000, "final": 1e-5, "final_fraction": 0.2},
        steps=[0, 1, 400, 401, 800, 801, 999, 1000, 5000],
        bad=[
            *no_numbers("initial", "peak", "final"),
            *no_lengths("steps"),
            ({"steps": 1}, "more than 1 step"),
            ({"final_fraction": 0}, "in (0, 1)"),
            ({"final_fraction": 0.9999}, "a fraction that leaves at least one of"),
        ],
    ),
    ScheduleRow(
        PiecewiseConstant,
        kwargs={"boundaries": [5, 15], "values": [0.01, 0.005, 0.001]},
        steps=[0, 4, 5, 6, 14, 15, 16, 99],
        bad=[
            ({"values": [0.1]}, "a list of at least two "),
            ({"values": 0.1}, "a list of at least two "),
            ({"boundaries": [5]}, "a list of 2"),
        ],
    ),
    ScheduleRow(
        Polynomial,
        kwargs={"initial": 0.7, "final": 0.1, "steps": 30, "power": 0.9},
        steps=[0, 1, 15, 29, 30, 99],
        bad=[
            *no_numbers("initial", "final", "power"),
            ({"power": 0}, "a positive finite number"),
            *no_lengths("steps"),
            nothing("steps"),
        ],
    ),
    ScheduleRow(
        PowerDecay,
        kwargs={"initial": 0.7, "steps": 10, "exponent": 0.5},
        steps=[0, 1, 10, 20, 99],
        bad=[*no_numbers("initial", "exponent"), *no_lengths("steps"), nothing("steps")],
    ),
    ScheduleRow(
        Repeat,
        kwargs={"schedule": Linear(0.0, 0.7, 10), "every": 15},
        steps=[0, 10, 14, 15, 16, 99],
        bad=[*no_schedules(), *no_lengths("every"), nothing("every")],
    ),
    ScheduleRow(
        Scale,
        kwargs={"schedule": DECAY, "factor": 0.5},
        steps=[0, 1, 10, 99],
        bad=[*no_schedules(), *no_numbers("factor")],
    ),
    ScheduleRow(
        Trapezoid,
        kwargs={
            "peak": 0.7,
            "warmup": 5,
            "decay": 10,
            "steps": 30,
            "initial": 0.2,
            "final": 0.1,
            "shape": "1-sqrt",
        },
        steps=[0, 4, 5, 6, 19, 20, 21, 29, 30, 99],
        bad=[
            *no_numbers("peak", "initial", "final"),
            *no_lengths("warmup", "decay", "steps"),
            nothing("decay"),
            ({"warmup": 31}, "no more than all 30 steps"),
            ({"decay": 26}, "no more than the 25 steps after the warm-up"),
            ({"shape": "1-sqr"}, "Did you mean 1-sqrt?"),
        ],
    ),
    ScheduleRow(
        bound(Trapezoid),
        name="Trapezoid over a run",
        kwargs={"peak": 0.7, "warmup": "10 examples", "decay": "20%", "steps": "5 epochs"},
        steps=[0, 2, 3, 40, 45, 50, 99],
        bad=[
            ({"decay": "0%"}, "at least 1 step"),
            ({"warmup": "6 epochs"}, "no more than all 50 steps"),
            ({"decay": "5 epochs"}, "no more than the 47 steps"),
        ],
    ),
    ScheduleRow(
        Triangular2CyclicalLearningRate,
        kwargs={**CYCLES, "scale_mode": "iterations", "name": "mine"},
        steps=[0, 5, 10, 15, 20, 30, 99],
        bad=BAD_CYCLES,
    ),
    ScheduleRow(
        TriangularCyclicalLearningRate,
        kwargs={**CYCLES, "scale_mode": "iterations", "name": "mine"},
        steps=[0, 5, 10, 15, 20, 30, 99],
        bad=BAD_CYCLES,
    ),
    ScheduleRow(
        Warmup,
        kwargs={"schedule": PowerDecay(0.7, 10), "steps": 10, "initial": 0.1},
        steps=[0, 1, 9, 10, 11, 20, 99],
        bad=[*no_schedules(), *no_numbers("initial"), *no_lengths("steps")],
    ),
    ScheduleRow(
        bound(Warmup),
        name="Warmup over a run",
        kwargs={"schedule": CosineDecay(0.7, "90%"), "steps": "10%"},
        steps=[0, 4, 5, 30, 50, 99],
        bad=[({"steps": "6 epochs"}, "no more than the 50 steps of the run")],
    ),
]
