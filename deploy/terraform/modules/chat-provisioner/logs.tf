# The log, and what is counted in it. The texts are those of the code; a test compares the two.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${local.name}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}

locals {
  metric_namespace = "ChatProvisioner/${var.environment}"

  log_filters = {
    Errors             = "{ $.level = \"ERROR\" }"
    Held               = "{ $.message = \"the guard holds a part of the plan*\" }"
    NoLongerRepeated   = "{ $.message = \"*is no longer repeated*\" }"
    ReconcilingStopped = "{ $.message = \"reconciling stopped and begins anew*\" }"
    TransactionsLost   = "{ $.message = \"cannot keep a transaction*\" }"
  }

  # Each replica says this once a minute, for as long as it is so. Whether all is paused and what is held says the one that leads: no
  # word of it is no number, and 0 is only what was said to be over.
  heartbeats = {
    Leads       = { metric = "Leads", value = "1", where = "$.leads IS TRUE" }
    NotReady    = { metric = "NotReady", value = "1", where = "$.ready IS FALSE" }
    Paused      = { metric = "Paused", value = "1", where = "$.paused IS TRUE" }
    NotPaused   = { metric = "Paused", value = "0", where = "$.paused IS FALSE" }
    HeldChanges = { metric = "HeldChanges", value = "$.held", where = "$.held >= 0" }
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.log_filters

  name           = "${local.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = each.value

  metric_transformation {
    name      = each.key
    namespace = local.metric_namespace
    value     = "1"
  }
}

resource "aws_cloudwatch_log_metric_filter" "heartbeat" {
  for_each = local.heartbeats

  name           = "${local.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = "{ ($.message = \"heartbeat\") && (${each.value.where}) }"

  metric_transformation {
    name      = each.value.metric
    namespace = local.metric_namespace
    value     = each.value.value
  }
}

# The forwarder never fails a sign-up, so its `Errors` alone would say nothing of what it could not do.
resource "aws_cloudwatch_log_metric_filter" "forwarder" {
  count = length(local.forwarders)

  name           = "${local.forwarder_name}-not-forwarded"
  log_group_name = aws_cloudwatch_log_group.forwarder[0].name
  pattern        = "?\"could not forward\" ?\"could not call the next function\" ?\"the next function\" ?misconfigured"

  metric_transformation {
    name      = "NotForwarded"
    namespace = local.metric_namespace
    value     = "1"
  }
}
