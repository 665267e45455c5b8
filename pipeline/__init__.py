"""The pipeline: its DAG, its compiler, its runner for one machine, and the command line."""
