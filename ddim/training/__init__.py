"""From pictures to weights: what a run is asked for, its examples, how it learns, measures, saves and reports."""
