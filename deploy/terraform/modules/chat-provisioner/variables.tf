variable "name_prefix" {
  description = "What every name here starts with, as elsewhere in the environment: phenom-prod, phenom-staging."
  type        = string
}

variable "environment" {
  description = "What `environment` says in config_toml. The service stamps it into its database, and refuses another's."
  type        = string
}

variable "image" {
  description = "The image by digest: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME@sha256:…"
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[^@:]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must be an image of ECR by digest (…@sha256:…), never by tag: a tag can mean another image tomorrow."
  }
}

variable "config_toml" {
  description = "The text of the configuration, without secrets. It names no queue URL, no topic and no listener: those come from here."
  type        = string
}

variable "desired_count" {
  description = "Tasks. Two: one reconciles, the other takes over. 0 is the first step of a cut-over."
  type        = number
  default     = 2
}

variable "cpu_architecture" {
  description = "X86_64 or ARM64, as the image was built."
  type        = string
  default     = "X86_64"
}

variable "log_filter" {
  description = "RUST_LOG. It replaces the service's own filter, which leaves out what the client library calls an error and is none: with it the errors alarm may stay on, and without phenom_provisioner=warn in it other alarms never go off."
  type        = string
  default     = null
}

variable "log_retention_days" {
  type    = number
  default = 90
}

# Where it runs

variable "cluster_name" {
  type = string
}

variable "cluster_arn" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones, with a way to ECR, Secrets Manager, CloudWatch Logs, SQS, SNS and Cognito (NAT or endpoints)."
  type        = list(string)
}

variable "namespace" {
  description = "The private DNS namespace of Cloud Map in which Synapse has its name: { id = \"ns-…\", name = \"phenom-prod.local\" }."
  type        = object({ id = string, name = string })
}

variable "discovery_name" {
  description = "The name in that namespace: provisioner makes provisioner.phenom-prod.local."
  type        = string
  default     = "provisioner"
}

# Whom it speaks with

variable "synapse_security_group_id" {
  description = "Of Synapse's tasks: they push to port 8090, and are asked on port 8008."
  type        = string
}

variable "database_security_group_id" {
  description = "Of the Postgres instance: asked on port 5432."
  type        = string
}

variable "admin_security_group_ids" {
  description = "Who may reach port 9090: Hasura for its event trigger, the collector for /metrics. By a short name each."
  type        = map(string)
  default     = {}
}

variable "user_pool_arn" {
  description = "The Cognito pool. It is read; it belongs to whoever made it."
  type        = string
}

variable "secrets" {
  description = "Which secrets the service gets. Leave out roster-password where [roster] has no url of its own, hook-secret where no hook is used. Each needs a value before a task can start."
  type        = set(string)
  default     = ["registration", "database-password", "roster-password", "hook-secret"]
}

variable "existing_secrets" {
  description = "Secrets that exist already, as `valueFrom` of a task definition (with the two colons at the end): { database-password = \"arn:…:secret:NAME-AbCdEf:password::\" }. Those left out are made here, empty."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.existing_secrets), ["registration", "database-password", "roster-password", "hook-secret"])) == 0
    error_message = "existing_secrets knows registration, database-password, roster-password and hook-secret."
  }
}

variable "secrets_key_arn" {
  description = "The KMS key of the secrets, where it is one of your own."
  type        = string
  default     = null
}

variable "tls_root" {
  description = "The certificates of RDS inside the image."
  type        = string
  default     = "/etc/ssl/certs/rds.pem"
}

# What is optional

variable "forwarder" {
  description = "The Lambda that puts confirmations on the queue. It is called by the pool once you make it the trigger, which nothing here does. next_function is the ARN of the function that was the trigger before; next_fail_open says whether a person gets in when that one fails."
  type = object({
    source_file    = string
    next_function  = optional(string)
    next_fail_open = optional(bool, true)
  })
  default = null
}

variable "events" {
  description = "A topic that tells other services what was done: docs/events/README.md says how they subscribe."
  type        = bool
  default     = false
}

variable "alarm_actions" {
  description = "Topics of SNS that an alarm and a failed deployment tell: that of whoever is on duty."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_actions : can(regex("^arn:[a-z-]+:sns:", arn))])
    error_message = "alarm_actions are topics of SNS: EventBridge tells them of a failed deployment, too."
  }
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read by whoever is woken."
  type        = string
  default     = "docs/runbook.md"
}

variable "tags" {
  type    = map(string)
  default = {}
}
