"""Reading, laying out, storing, serving and calling TensorFlow SavedModels. Only `model.server`'s servables and
`model.sample`'s exporter import TensorFlow; nothing here imports the steps or the pipeline."""

from pkgutil import extend_path

# In a step this package is the one that the YAML carries; on one machine the rest of it is found where it is installed.
__path__ = extend_path(__path__, __name__)
