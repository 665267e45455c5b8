"""Rows and tensors: which columns a signature needs, and what their cells become."""

from components.rows.sample import read_sample

__all__ = ["read_sample"]
