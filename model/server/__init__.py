"""A model server for one machine that speaks TensorFlow Serving's REST and gRPC. Not for production."""
