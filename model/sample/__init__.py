"""The sample: the retail propensity model, and visits to score with it."""
