# Alarms that need no scraping, and what ECS says of a deployment. Each names its paragraph of the runbook.

locals {
  log_alarms = {
    Errors             = { runbook = "errors-in-the-log", what = "something that a person must look at" }
    Held               = { runbook = "a-plan-is-held", what = "the guard holds a part of the plan and asks for approval" }
    NoLongerRepeated   = { runbook = "a-change-is-not-repeated-any-more", what = "somebody keeps undoing a change" }
    ReconcilingStopped = { runbook = "reconciling-stopped", what = "the replica that led stopped and begins anew" }
    TransactionsLost   = { runbook = "transactions-cannot-be-kept", what = "what Synapse pushes cannot be written down" }
  }
  # These lines come again for as long as it lasts. Now and then is ordinary (a failover of Postgres); going on is not.
  log_alarm_thresholds = { ReconcilingStopped = 3, TransactionsLost = 3 }

  # Made of lines that each replica repeats once a minute, five in a period; NotReady lets one of them fall into the next. Where nobody
  # leads, nobody says whether all is paused or held: what was said last counts on.
  heartbeat_alarms = {
    NobodyLeads = {
      runbook = "nobody-reconciles", what = "nobody has led for ten minutes, so nothing is provisioned"
      metric  = "Leads", statistic = "Sum", less_than = true, threshold = 1, periods = 2, missing = "breaching"
    }
    NotReady = {
      runbook = "a-replica-is-not-ready", what = "a replica has not been ready for 15 minutes; its heartbeat says what it waits for"
      metric  = "NotReady", statistic = "Sum", less_than = false, threshold = 4, periods = 3, missing = "notBreaching"
    }
    Paused = {
      runbook = "everything-is-paused", what = "everything has been paused for an hour"
      metric  = "Paused", statistic = "Minimum", less_than = false, threshold = 1, periods = 12, missing = "ignore"
    }
    HeldForAnHour = {
      runbook = "a-plan-is-held", what = "what the guard holds has waited for somebody's word for an hour"
      metric  = "HeldChanges", statistic = "Minimum", less_than = false, threshold = 1, periods = 12, missing = "ignore"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "log" {
  for_each = local.log_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.what}. ${var.runbook_url}#${each.value.runbook}"
  namespace           = local.metric_namespace
  metric_name         = each.key
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = lookup(local.log_alarm_thresholds, each.key, 1)
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  # One line says that something began, and none that it is over: OK after five quiet minutes would be a lie.
  ok_actions = contains(keys(local.log_alarm_thresholds), each.key) ? var.alarm_actions : []
  tags       = local.tags
}

resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  for_each = { for key, alarm in local.heartbeat_alarms : key => alarm if var.desired_count > 0 }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.what}. ${var.runbook_url}#${each.value.runbook}"
  namespace           = local.metric_namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = each.value.less_than ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  treat_missing_data  = each.value.missing
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${local.name}-dead-letters"
  alarm_description   = "messages lie in the dead-letter queue. ${var.runbook_url}#dead-letters"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  alarm_name          = "${local.name}-queue-age"
  alarm_description   = "confirmations wait for more than ten minutes. ${var.runbook_url}#confirmations-wait"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.confirmations.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 600
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

# ECS has no metric of its own for running tasks without Container Insights; each task gives one sample a minute of this one.
resource "aws_cloudwatch_metric_alarm" "running_tasks" {
  count = var.desired_count > 0 ? 1 : 0

  alarm_name          = "${local.name}-running-tasks"
  alarm_description   = "fewer tasks run than should. ${var.runbook_url}#fewer-tasks-than-should"
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = aws_ecs_service.this.name }
  statistic           = "SampleCount"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.desired_count
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

# No ok_actions for these two: a quiet five minutes may be five minutes without a sign-up.
resource "aws_cloudwatch_metric_alarm" "forwarder_errors" {
  count = length(local.forwarders)

  alarm_name          = "${local.forwarder_name}-errors"
  alarm_description   = "the forwarder fails, so sign-ups may. ${var.runbook_url}#the-forwarder-fails"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.forwarder[0].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "not_forwarded" {
  count = length(local.forwarders)

  alarm_name          = "${local.forwarder_name}-not-forwarded"
  alarm_description   = "a confirmation was not forwarded, or the next function not called. ${var.runbook_url}#confirmations-are-not-forwarded"
  namespace           = local.metric_namespace
  metric_name         = "NotForwarded"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = local.tags
}

# The tasks of before run on when a deployment is taken back, so no alarm above sees it.
resource "aws_cloudwatch_event_rule" "deployment_failed" {
  name        = "${local.name}-deployment-failed"
  description = "a deployment failed, and ECS took it back. ${var.runbook_url}#a-deployment-failed"
  tags        = local.tags

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Deployment State Change"]
    resources   = [aws_ecs_service.this.id]
    detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
  })
}

# By number, so that a topic may be made in the same apply. Its policy must let EventBridge publish (README).
resource "aws_cloudwatch_event_target" "deployment_failed" {
  for_each = { for number, topic in var.alarm_actions : tostring(number) => topic }

  rule = aws_cloudwatch_event_rule.deployment_failed.name
  arn  = each.value

  input_transformer {
    input_paths    = { reason = "$.detail.reason" }
    input_template = "\"${local.name}: a deployment failed: <reason> ${var.runbook_url}#a-deployment-failed\""
  }
}

# Alarms need no such policy of the topic (of its key they do: the README), so this one arrives where the word itself does not. No ok_actions: it happens once.
resource "aws_cloudwatch_metric_alarm" "deployment_failed_untold" {
  alarm_name          = "${local.name}-deployment-failed-untold"
  alarm_description   = "a deployment failed, and a topic did not take the word of it. ${var.runbook_url}#a-deployment-failed"
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { RuleName = aws_cloudwatch_event_rule.deployment_failed.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  tags                = local.tags
}
