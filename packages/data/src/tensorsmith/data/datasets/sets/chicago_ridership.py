"""Daily ridership of a train station in Chicago, with weather and home games, for 15 years."""

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tensorsmith.data.datasets.dataset import Column, Content, DatasetInfo
from tensorsmith.data.datasets.hosts import DebianPackage, File
from tensorsmith.data.datasets.r_data import read_data_frame

INDEX = File("Rdata.rdx", 967, "d4804aa8620bb3309adf8cedcf2070829a473bf2fe4126bfea04b9819ad0c5d4")
DATABASE = File("Rdata.rdb", 5015537, "19d567cc526ba93da139ad7893ca09831c473cc224a8d4ab1b583eda69ad0376")
PARTS = {"train": slice(4238), "validation": slice(4238, 4603), "test": slice(4603, None)}
WEATHER = {
    "temp_min": "degrees Fahrenheit",
    "temp": "degrees Fahrenheit",
    "temp_max": "degrees Fahrenheit",
    "temp_change": "degrees Fahrenheit",
    "dew": "degrees Fahrenheit",
    "humidity": "percent",
    "pressure": "inches of mercury",
    "pressure_change": "inches of mercury",
    "wind": "miles per hour",
    "wind_max": "miles per hour",
    "gust": "miles per hour",
    "gust_max": "miles per hour",
    "percip": "inches",
    "percip_max": "inches",
    "weather_rain": "fraction of the hours",
    "weather_snow": "fraction of the hours",
    "weather_cloud": "fraction of the hours",
    "weather_storm": "fraction of the hours",
}
TEAMS = ("Blackhawks", "Bulls", "Bears", "WhiteSox", "Cubs")
GAMES = {f"{team}_{place}": "1 if there is a game" for team in TEAMS for place in ("Away", "Home")}
COLUMNS = {
    "date": Column("int64", "days since 1970-01-01"),
    "ridership": Column(unit="thousands of entries per day"),
    "holiday": Column(unit="1 on federal holidays"),
    **{name: Column(unit=unit) for name, unit in (WEATHER | GAMES).items()},
}


def read(files: Mapping[str, Path], split: str) -> Content:
    """Returns the days of a split."""
    table = read_data_frame(files[INDEX.name], files[DATABASE.name], "Chicago")
    years = range(2001, 2017)
    holidays = [(day - datetime.date(1970, 1, 1)).days for year in years for day in federal_holidays(year)]
    table["holiday"] = np.isin(table["date"], holidays)
    return {name: table[name][PARTS[split]].astype(column.dtype) for name, column in COLUMNS.items()}, None


def federal_holidays(year: int) -> Iterator[datetime.date]:
    """Yields the federal holidays of the United States from 1986 to 2020, on the days on which they are observed."""
    for month, day in ((1, 1), (7, 4), (11, 11), (12, 25)):
        date = datetime.date(year, month, day)
        # Those on a Saturday are observed on the Friday before, those on a Sunday on the Monday after.
        yield date + datetime.timedelta(days={5: -1, 6: 1}.get(date.weekday(), 0))
    for month, weekday, number in ((1, 0, 3), (2, 0, 3), (9, 0, 1), (10, 0, 2), (11, 3, 4)):
        first = datetime.date(year, month, 1)
        yield first + datetime.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
    last = datetime.date(year, 5, 31)
    yield last - datetime.timedelta(days=last.weekday())


INFO = DatasetInfo(
    name="chicago_ridership",
    title="Daily ridership of a train station in Chicago",
    description=(
        "5,698 days from 2001-01-22 to 2016-08-28, without gaps: entries to the Clark/Lake station of the 'L' trains, "
        "the weather, games of five sports teams, and federal holidays, which are computed. Features: a dict of arrays "
        "(days,), 'date' int64 and the others float32. Labels: none. Weather is not known in advance, dates, holidays "
        "and games are. Chronological split: the last three years for test, the year before for validation. The "
        "columns of other stations, which are 14 days old, are left out."
    ),
    licence="MIT (licence of the package that contains the data)",
    source=(
        "M. Kuhn and K. Johnson, Feature Engineering and Selection, 2020, from the data portal of the City of Chicago; "
        "as in the R package modeldata 1.4.0, https://modeldata.tidymodels.org"
    ),
    splits={"train": 4238, "validation": 365, "test": 1095},
    read=read,
    sources=(
        DebianPackage(
            (INDEX, DATABASE),
            name="r-cran-modeldata",
            version="1.4.0-1",
            archive_size=5162128,
            folder="usr/lib/R/site-library/modeldata/data",
        ),
    ),
    kind="series",
    columns=COLUMNS,
)
