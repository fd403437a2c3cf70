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
