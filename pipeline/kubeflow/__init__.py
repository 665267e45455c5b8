"""Kubeflow Pipelines as the engine: the compiled pipeline uploaded, run, followed, put on a schedule."""
