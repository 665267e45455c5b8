"""Scoring a batch with Spark: the code that a driver and its workers run, wherever they are."""
