"""Messages compiled from the .proto files beside this one (`make protos`)."""
