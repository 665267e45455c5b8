locals {
  location      = var.location == "" ? var.region : var.location
  workload_pool = "${var.project}.svc.id.goog"

  # What keeps other pods off a pool: cluster/overlays/gke and the pipeline's parameters tolerate exactly these.
  taints = {
    webapp-pool = { key = "dedicated", value = "webapp", effect = "NO_SCHEDULE" }
    kserve-pool = { key = "dedicated", value = "kserve", effect = "NO_SCHEDULE" }
  }
}

resource "google_container_cluster" "cluster" {
  name     = var.name
  location = local.location

  network         = google_compute_network.cluster.id
  subnetwork      = google_compute_subnetwork.nodes.id
  networking_mode = "VPC_NATIVE"
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
    master_ipv4_cidr_block  = var.ranges.control_plane
  }
  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false
    dynamic "cidr_blocks" {
      for_each = var.operators
      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  workload_identity_config {
    workload_pool = local.workload_pool
  }
  release_channel {
    channel = var.release_channel
  }

  # Dataplane V2 is what enforces the NetworkPolicies of cluster/base.
  datapath_provider     = "ADVANCED_DATAPATH"
  enable_shielded_nodes = true

  # WORKLOADS: what pods write to standard output and error goes to Cloud Logging.
  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS"]
  }
  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]
    managed_prometheus {
      enabled = true
    }
  }

  # All nodes are in pools of their own; the first pool lives for as long as the cluster is being made.
  remove_default_node_pool = true
  initial_node_count       = 1
  node_config {
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
  }
  lifecycle {
    ignore_changes = [node_config, initial_node_count]
  }

  deletion_protection = var.deletion_protection
  depends_on          = [google_project_iam_member.nodes]
}

resource "google_container_node_pool" "pools" {
  for_each = var.pools

  name     = each.key
  cluster  = google_container_cluster.cluster.id
  location = local.location

  # Totals: a count for each zone would make three of one in a region. The first count is one for each zone all the same.
  initial_node_count = min(each.value.min_nodes, 1)
  autoscaling {
    total_min_node_count = each.value.min_nodes
    total_max_node_count = each.value.max_nodes
    location_policy      = "BALANCED"
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  upgrade_settings {
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = each.value.machine_type
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = 100
    service_account = google_service_account.nodes.email
    # The service account's roles limit the nodes, not the scopes of old.
    oauth_scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    metadata     = { disable-legacy-endpoints = "true" }

    # Pods get the identity of their own service account, not the node's.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    dynamic "taint" {
      for_each = contains(keys(local.taints), each.key) ? [local.taints[each.key]] : []
      content {
        key    = taint.value.key
        value  = taint.value.value
        effect = taint.value.effect
      }
    }
  }

  # The autoscaler has the count from then on, and another one would mean another pool.
  lifecycle {
    ignore_changes = [initial_node_count]
  }

  depends_on = [google_artifact_registry_repository_iam_member.nodes]
}
