output "bucket" {
  description = "The bucket, as a URI."
  value       = google_storage_bucket.releases.url
}

output "registry" {
  description = "Where images are pushed: REGISTRY/savedmodel-release/webapp:TAG, and so on. Skaffold's --default-repo."
  value       = local.registry
}

output "kubectl" {
  description = "The command that lets kubectl reach the cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.cluster.name} --location ${local.location} --project ${var.project}"
}

output "overlay_settings" {
  description = "What cluster/overlays/gke/workloads/settings.yaml has to hold for this project."
  value = yamlencode({
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata = {
      name        = "gke-settings"
      annotations = { "config.kubernetes.io/local-config" = "true" }
    }
    data = {
      registry   = local.registry
      identities = "${var.project}.iam.gserviceaccount.com"
    }
  })
}

output "pipeline_parameters" {
  description = "Values of the pipeline's parameters that fit this bucket and these pools."
  value = {
    models_root             = "${google_storage_bucket.releases.url}/models"
    predictions_uri         = "${google_storage_bucket.releases.url}/predictions"
    serving_node_selector   = "cloud.google.com/gke-nodepool=kserve-pool"
    serving_tolerations     = local.tolerations["kserve-pool"]
    serving_service_account = "savedmodel-release-serving"
    spark_node_selector     = "cloud.google.com/gke-nodepool=pipeline-pool"
    spark_tolerations       = ""
  }
}

output "runner_identity" {
  description = "The command that makes Kubeflow's account act as the pipeline's Google service account."
  value       = "kubectl annotate serviceaccount --namespace ${var.namespace} ${var.runner} iam.gke.io/gcp-service-account=${google_service_account.pods["savedmodel-release"].email}"
}

output "service_accounts" {
  description = "Google service account of each Kubernetes service account."
  value       = { for name, account in google_service_account.pods : name => account.email }
}

locals {
  registry = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"

  # As kubectl taint spells them.
  effects     = { NO_SCHEDULE = "NoSchedule", PREFER_NO_SCHEDULE = "PreferNoSchedule", NO_EXECUTE = "NoExecute" }
  tolerations = { for pool, taint in local.taints : pool => "${taint.key}=${taint.value}:${local.effects[taint.effect]}" }
}
