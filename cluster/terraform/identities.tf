# One Google service account for each Kubernetes service account of cluster/overlays/gke, under the same name, and one for
# the nodes. Roles are given on the one bucket and the one repository, not on the project.
locals {
  identities = {
    savedmodel-release         = { title = "Steps of the release pipeline", role = "roles/storage.objectAdmin" }
    savedmodel-release-spark   = { title = "Spark's driver and executors", role = "roles/storage.objectAdmin" }
    savedmodel-release-serving = { title = "Model servers", role = "roles/storage.objectViewer" }
  }
}

resource "google_service_account" "pods" {
  for_each     = local.identities
  account_id   = each.key
  display_name = each.value.title
  depends_on   = [google_project_service.used]
}

resource "google_storage_bucket_iam_member" "pods" {
  for_each = local.identities
  bucket   = google_storage_bucket.releases.name
  role     = each.value.role
  member   = google_service_account.pods[each.key].member
}

# The identity pool comes into being with the project's first cluster that has one.
resource "google_service_account_iam_member" "workload_identity" {
  for_each           = local.identities
  service_account_id = google_service_account.pods[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.workload_pool}[${var.namespace}/${each.key}]"
  depends_on         = [google_container_cluster.cluster]
}

# Kubeflow Pipelines runs steps as an account of its own.
resource "google_service_account_iam_member" "runner" {
  service_account_id = google_service_account.pods["savedmodel-release"].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.workload_pool}[${var.namespace}/${var.runner}]"
  depends_on         = [google_container_cluster.cluster]
}

resource "google_service_account" "nodes" {
  account_id   = "savedmodel-release-nodes"
  display_name = "Nodes of the release cluster"
  depends_on   = [google_project_service.used]
}

# GKE's own role for nodes: logs, metrics and autoscaling, and no more.
resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}
