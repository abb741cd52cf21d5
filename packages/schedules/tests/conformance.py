from tensorsmith.schedules import OneCycle
from tensorsmith.testing import ScheduleRow

ROWS = [
    ScheduleRow(
        OneCycle,
        kwargs={"initial": 0.1, "peak": 1.0, "steps": 1000, "final": 1e-5, "final_share": 0.2},
        steps=[0, 1, 400, 401, 800, 801, 999, 1000, 5000],
        bad=[
            ({"initial": float("nan")}, "a finite number"),
            ({"peak": "high"}, "a finite number"),
            ({"final": float("inf")}, "a finite number"),
            ({"steps": 1}, "an integer above 1"),
            ({"steps": 10.5}, "an integer above 1"),
            ({"final_share": 0}, "in (0, 1)"),
            ({"final_share": 0.9999}, "leaves a step"),
        ],
    ),
]
