"""Rows and tensors: which columns a signature needs, and what their cells become."""
