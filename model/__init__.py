"""Reading, laying out, storing, serving and calling TensorFlow SavedModels. Only `model.server`'s servables and
`model.sample`'s exporter import TensorFlow; nothing here imports the steps or the pipeline."""
