variable "project" {
  description = "ID of the Google Cloud project that everything is made in. It must exist and have billing."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "region" {
  description = "Region of the network, the bucket and the image repository, for example europe-west1."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is named like europe-west1; a zone (europe-west1-b) goes into the variable location."
  }
}

variable "location" {
  description = "Where the cluster stands: a region (three control planes, nodes in three zones) or one of its zones. Empty for the region."
  type        = string
  default     = ""
  validation {
    condition     = var.location == "" || var.location == var.region || can(regex("^${var.region}-[a-z]$", var.location))
    error_message = "The cluster stands in the region of the bucket, or in a zone of it."
  }
}

variable "name" {
  description = "Name of the cluster and its network."
  type        = string
  default     = "savedmodel-release"
  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.name))
    error_message = "At most 32 lower-case letters, digits and dashes, a letter first, no dash last."
  }
}

variable "runner" {
  description = "Kubernetes service account that Kubeflow Pipelines runs steps as: its own, or in a profile default-editor."
  type        = string
  default     = "pipeline-runner"
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.runner))
    error_message = "A service account is named by at most 63 lower-case letters, digits and dashes, no dash first or last."
  }
}

variable "bucket" {
  description = "Name of the bucket that models, rows and predictions are kept in. Names of buckets are unique in all of Google Cloud."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A name of 3 to 63 lower-case letters, digits, dashes and underscores (dots would ask for a domain), without gs://."
  }
}

variable "noncurrent_days" {
  description = "Days for which an object that was deleted or replaced can still be brought back."
  type        = number
  default     = 30
  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "A whole number of days, at least 1."
  }
}

variable "predictions_days" {
  description = "Days after which what a run wrote under predictions/ is deleted; 0 to keep it."
  type        = number
  default     = 0
  validation {
    condition     = var.predictions_days >= 0 && floor(var.predictions_days) == var.predictions_days
    error_message = "A whole number of days, or 0."
  }
}

variable "namespace" {
  description = "Kubernetes namespace that the pipeline runs in, as in cluster/overlays/gke."
  type        = string
  default     = "kubeflow"
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace has at most 63 lower-case letters, digits and dashes."
  }
}

variable "operators" {
  description = "Who may reach the API server over the internet, beside the cluster's own nodes: name to CIDR block."
  type        = map(string)
  validation {
    condition     = alltrue([for block in values(var.operators) : can(cidrhost(block, 0))])
    error_message = "Each value is a CIDR block, for example 203.0.113.7/32."
  }
  validation {
    condition     = alltrue([for block in values(var.operators) : !can(regex("/0$", block))])
    error_message = "A block that ends in /0 would let everyone in."
  }
}

variable "release_channel" {
  description = "GKE's channel of Kubernetes versions."
  type        = string
  default     = "REGULAR"
  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "pools" {
  description = "Machine type, and the least and most nodes in all zones together, of each node pool."
  type = map(object({
    machine_type = string
    min_nodes    = number
    max_nodes    = number
  }))
  default = {
    pipeline-pool = { machine_type = "e2-standard-4", min_nodes = 1, max_nodes = 8 }
    webapp-pool   = { machine_type = "e2-standard-2", min_nodes = 2, max_nodes = 4 }
    kserve-pool   = { machine_type = "e2-standard-4", min_nodes = 1, max_nodes = 6 }
  }
  validation {
    condition     = toset(keys(var.pools)) == toset(["pipeline-pool", "webapp-pool", "kserve-pool"])
    error_message = "The pools are pipeline-pool, webapp-pool and kserve-pool; cluster/overlays/gke knows them by these names."
  }
  validation {
    condition     = alltrue([for pool in values(var.pools) : 0 <= pool.min_nodes && pool.min_nodes <= pool.max_nodes && pool.max_nodes >= 1])
    error_message = "0 <= min_nodes <= max_nodes, and max_nodes at least 1."
  }
  validation {
    condition     = try(var.pools["pipeline-pool"].min_nodes >= 1, true)
    error_message = "pipeline-pool is the only pool without a taint: Kubernetes' own pods need at least one node of it."
  }
}

variable "ranges" {
  description = "Private address ranges of the network: nodes, pods, services, and the control plane (a /28)."
  type = object({
    nodes         = string
    pods          = string
    services      = string
    control_plane = string
  })
  default = {
    nodes         = "10.10.0.0/20"
    pods          = "10.20.0.0/16"
    services      = "10.30.0.0/20"
    control_plane = "172.16.0.0/28"
  }
  validation {
    condition     = alltrue([for range in values(var.ranges) : can(cidrhost(range, 0))])
    error_message = "Each value is a CIDR block, for example 10.10.0.0/20."
  }
  validation {
    condition     = can(regex("/28$", var.ranges.control_plane))
    error_message = "The control plane's range is a /28."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the cluster."
  type        = bool
  default     = true
}
