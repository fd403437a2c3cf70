# Confirmations of sign-ups, and where one goes that five receipts did not get done.

resource "aws_sqs_queue" "dead_letters" {
  name = "${local.name}-confirmations-dead"
  # A message keeps the age that it had: longer than the queue it comes from.
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = local.tags
}

resource "aws_sqs_queue" "confirmations" {
  name                       = "${local.name}-confirmations"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.confirmations.arn]
  })
}

locals {
  queues = {
    confirmations = { url = aws_sqs_queue.confirmations.id, arn = aws_sqs_queue.confirmations.arn }
    dead_letters  = { url = aws_sqs_queue.dead_letters.id, arn = aws_sqs_queue.dead_letters.arn }
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.queues

  statement {
    sid    = "TlsOnly"
    effect = "Deny"
    # Any action: this denies.
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      # Any principal: this denies.
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each = local.queues

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.tls_only[each.key].json
}
