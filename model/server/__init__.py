"""A model server for one machine that speaks TensorFlow Serving's REST and gRPC. Not for production."""

from pkgutil import extend_path

# In a step this package is the one that the YAML carries; on one machine the rest of it is found where it is installed.
__path__ = extend_path(__path__, __name__)
