"""TFRecord files: finding, reading, indexing, reordering, and resuming interrupted writes."""
