# A network of the cluster's own. Nodes have no public addresses: they reach Google's services privately, and the package
# index and public images through the NAT.
resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.value
  disable_on_destroy = false
}

resource "google_compute_network" "cluster" {
  name                    = var.name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.used]
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "${var.name}-nodes"
  network                  = google_compute_network.cluster.id
  region                   = var.region
  ip_cidr_range            = var.ranges.nodes
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.ranges.pods
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.ranges.services
  }
}

resource "google_compute_router" "nat" {
  name    = "${var.name}-nat"
  network = google_compute_network.cluster.id
  region  = var.region
}

resource "google_compute_router_nat" "nat" {
  name                               = "${var.name}-nat"
  router                             = google_compute_router.nat.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# GKE lets the control plane reach nodes on 443 and 10250 only. KServe's and the Spark operator's admission webhooks listen
# on 9443: without this, creating an InferenceService times out.
resource "google_compute_firewall" "webhooks" {
  name                    = "${var.name}-webhooks"
  network                 = google_compute_network.cluster.id
  direction               = "INGRESS"
  source_ranges           = [var.ranges.control_plane]
  target_service_accounts = [google_service_account.nodes.email]

  allow {
    protocol = "tcp"
    ports    = ["9443"]
  }
}
