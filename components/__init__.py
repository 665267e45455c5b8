"""The steps of a release, one folder each: a thin KFP component over plain functions."""
