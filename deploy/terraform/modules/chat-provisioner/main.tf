# What the files here share. One job a file: task, service, network, roles, secrets, queue, forwarder, events, logs, alarms.

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name = "${var.name_prefix}-chat-provisioner"
  tags = merge({ Environment = var.environment, Service = "chat-provisioner" }, var.tags)

  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  appservice_port = 8090
  admin_port      = 9090
  synapse_port    = 8008
  database_port   = 5432
}
