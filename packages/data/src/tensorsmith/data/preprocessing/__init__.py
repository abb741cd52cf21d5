"""Preprocessing layers that are saved with the model, and feature specs that adapt them in one pass over the data."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # configures TensorFlow's logging before any other import of it

from tensorsmith.data.preprocessing.bucketizer import Bucketizer
from tensorsmith.data.preprocessing.calendar_part import CalendarPart
from tensorsmith.data.preprocessing.choices import Bucketize, Cross, Hash, Lookup, Passthrough, Standardize, Text
from tensorsmith.data.preprocessing.clean_text import clean_text
from tensorsmith.data.preprocessing.date_choices import Calendar, DaysSince
from tensorsmith.data.preprocessing.feature_model import FeatureModel
from tensorsmith.data.preprocessing.feature_spec import FeatureSpec
from tensorsmith.data.preprocessing.forecasting import (
    difference,
    iterated_forecast,
    moving_average,
    seasonal_naive,
    undo_difference,
)
from tensorsmith.data.preprocessing.impute import Impute
from tensorsmith.data.preprocessing.imputer import Imputer
from tensorsmith.data.preprocessing.split_words import split_words
from tensorsmith.data.preprocessing.tf_idf import idf_weights
from tensorsmith.data.preprocessing.vocabulary import Vocabulary

__all__ = [
    "Bucketize",
    "Bucketizer",
    "Calendar",
    "CalendarPart",
    "Cross",
    "DaysSince",
    "FeatureModel",
    "FeatureSpec",
    "Hash",
    "Impute",
    "Imputer",
    "Lookup",
    "Passthrough",
    "Standardize",
    "Text",
    "Vocabulary",
    "clean_text",
    "difference",
    "idf_weights",
    "iterated_forecast",
    "moving_average",
    "seasonal_naive",
    "split_words",
    "undo_difference",
]
