"""One machine as a platform: processes instead of pods, a directory instead of a cluster's state."""
