# `terraform test`: no Google account is needed, the provider is mocked.
mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { url = "gs://example-releases" }
  }
}

variables {
  project   = "example-project"
  region    = "europe-west1"
  bucket    = "example-releases"
  operators = { office = "203.0.113.0/24" }
}

run "nodes_are_private_and_pods_have_identities_of_their_own" {
  assert {
    condition     = one(google_container_cluster.cluster.private_cluster_config).enable_private_nodes
    error_message = "nodes have public addresses"
  }
  assert {
    condition     = one(google_container_cluster.cluster.workload_identity_config).workload_pool == "example-project.svc.id.goog"
    error_message = "workload identity is off"
  }
  assert {
    condition = alltrue([for pool in google_container_node_pool.pools :
    one(one(pool.node_config).workload_metadata_config).mode == "GKE_METADATA"])
    error_message = "a pool hands out the node's identity"
  }
  assert {
    condition     = google_service_account_iam_member.workload_identity["savedmodel-release-serving"].member == "serviceAccount:example-project.svc.id.goog[kubeflow/savedmodel-release-serving]"
    error_message = "the Kubernetes service account is not bound"
  }
}

run "the_pools_of_web_application_and_models_are_tainted_and_no_other" {
  assert {
    condition = {
      for name, pool in google_container_node_pool.pools : name => [for taint in one(pool.node_config).taint : "${taint.key}=${taint.value}:${taint.effect}"]
      } == {
      pipeline-pool = []
      webapp-pool   = ["dedicated=webapp:NO_SCHEDULE"]
      kserve-pool   = ["dedicated=kserve:NO_SCHEDULE"]
    }
    error_message = "other taints than cluster/overlays/gke tolerates"
  }
  assert {
    condition     = output.pipeline_parameters.serving_tolerations == "dedicated=kserve:NoSchedule"
    error_message = "the parameter does not tolerate the pool's taint"
  }
}

run "only_the_bucket_is_opened_and_to_model_servers_for_reading_only" {
  assert {
    condition = { for name, grant in google_storage_bucket_iam_member.pods : name => grant.role } == {
      savedmodel-release         = "roles/storage.objectAdmin"
      savedmodel-release-spark   = "roles/storage.objectAdmin"
      savedmodel-release-serving = "roles/storage.objectViewer"
    }
    error_message = "other roles than these"
  }
  assert {
    condition     = google_storage_bucket.releases.public_access_prevention == "enforced" && google_storage_bucket.releases.uniform_bucket_level_access
    error_message = "objects could be made public"
  }
  assert {
    condition     = one(google_storage_bucket.releases.versioning).enabled
    error_message = "what is overwritten is lost"
  }
}

run "nothing_that_is_live_expires_unless_predictions_are_to" {
  assert {
    condition     = !anytrue([for rule in google_storage_bucket.releases.lifecycle_rule : one(rule.condition).with_state == "LIVE"])
    error_message = "live objects expire"
  }
}

run "predictions_expire_when_asked_for_and_nothing_else" {
  variables {
    predictions_days = 90
  }
  assert {
    condition     = [for rule in google_storage_bucket.releases.lifecycle_rule : one(rule.condition).matches_prefix if one(rule.condition).with_state == "LIVE"] == [tolist(["predictions/"])]
    error_message = "more than predictions/ expires"
  }
}

run "the_outputs_name_what_was_made" {
  assert {
    condition     = output.bucket == "gs://example-releases" && output.pipeline_parameters.models_root == "gs://example-releases/models"
    error_message = output.bucket
  }
  assert {
    condition     = output.registry == "europe-west1-docker.pkg.dev/example-project/images"
    error_message = output.registry
  }
  assert {
    condition     = output.kubectl == "gcloud container clusters get-credentials savedmodel-release --location europe-west1 --project example-project"
    error_message = output.kubectl
  }
  assert {
    condition     = yamldecode(output.overlay_settings).data.identities == "example-project.iam.gserviceaccount.com"
    error_message = output.overlay_settings
  }
}

run "values_that_cannot_work_are_refused" {
  command = plan
  variables {
    project          = "Example Project"
    region           = "europe-west1-b"
    bucket           = "gs://releases"
    operators        = { everyone = "0.0.0.0/0" }
    release_channel  = "WEEKLY"
    noncurrent_days  = 0
    predictions_days = 1.5
    pools            = { webapp-pool = { machine_type = "e2-standard-2", min_nodes = 3, max_nodes = 2 } }
  }
  expect_failures = [
    var.project, var.region, var.bucket, var.operators, var.release_channel,
    var.noncurrent_days, var.predictions_days, var.pools,
  ]
}

run "kubernetes_own_pods_keep_a_node_without_a_taint" {
  command = plan
  variables {
    pools = {
      pipeline-pool = { machine_type = "e2-standard-4", min_nodes = 0, max_nodes = 8 }
      webapp-pool   = { machine_type = "e2-standard-2", min_nodes = 2, max_nodes = 4 }
      kserve-pool   = { machine_type = "e2-standard-4", min_nodes = 1, max_nodes = 6 }
    }
  }
  expect_failures = [var.pools]
}

run "the_cluster_stands_where_the_bucket_is" {
  command = plan
  variables {
    location = "us-central1"
  }
  expect_failures = [var.location]
}
