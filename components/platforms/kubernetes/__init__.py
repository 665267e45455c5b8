"""A Kubernetes cluster as a platform: InferenceServices of KServe, SparkApplications of the Spark operator."""
