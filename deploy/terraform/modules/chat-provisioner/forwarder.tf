# The Lambda that puts confirmations on the queue (deploy/forwarder). Optional: the other function can send by itself.
# It is not made the pool's trigger here: the pool belongs to whoever made it, and has one trigger only.

locals {
  # One or none.
  forwarders     = var.forwarder[*]
  forwarder_name = "${local.name}-forwarder"
}

data "archive_file" "forwarder" {
  count = length(local.forwarders)

  type        = "zip"
  source_file = var.forwarder.source_file
  output_path = "${path.root}/.terraform/${local.forwarder_name}.zip"
}

resource "aws_lambda_function" "forwarder" {
  count = length(local.forwarders)

  function_name    = local.forwarder_name
  description      = "Confirmations of the pool to the chat provisioner, ${var.environment}"
  role             = aws_iam_role.forwarder[0].arn
  runtime          = "python3.12"
  handler          = "forwarder.handler"
  filename         = data.archive_file.forwarder[0].output_path
  source_code_hash = data.archive_file.forwarder[0].output_base64sha256
  # Cognito waits 5 s. More memory is a faster first start.
  timeout     = 5
  memory_size = 512
  tags        = local.tags

  environment {
    variables = merge(
      { QUEUE_URL = aws_sqs_queue.confirmations.id, ENVIRONMENT = var.environment },
      var.forwarder.next_function == null ? {} : {
        NEXT_FUNCTION  = var.forwarder.next_function
        NEXT_FAIL_OPEN = tostring(var.forwarder.next_fail_open)
      },
    )
  }

  depends_on = [aws_cloudwatch_log_group.forwarder]
}

# This pool alone may call it.
resource "aws_lambda_permission" "pool" {
  count = length(local.forwarders)

  statement_id   = "the-pool"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.forwarder[0].function_name
  principal      = "cognito-idp.amazonaws.com"
  source_arn     = var.user_pool_arn
  source_account = local.account
}

resource "aws_cloudwatch_log_group" "forwarder" {
  count = length(local.forwarders)

  name              = "/aws/lambda/${local.forwarder_name}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
}

data "aws_iam_policy_document" "lambda_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "forwarder" {
  count = length(local.forwarders)

  name               = local.forwarder_name
  assume_role_policy = data.aws_iam_policy_document.lambda_assume.json
  tags               = local.tags
}

data "aws_iam_policy_document" "forwarder" {
  count = length(local.forwarders)

  statement {
    sid       = "PutConfirmationsOnTheQueue"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.confirmations.arn]
  }

  statement {
    sid     = "WriteItsOwnLog"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    # Any stream of its own group.
    resources = ["${aws_cloudwatch_log_group.forwarder[0].arn}:*"]
  }

  dynamic "statement" {
    for_each = var.forwarder.next_function[*]

    content {
      sid       = "CallTheFunctionThatWasTheTriggerBefore"
      actions   = ["lambda:InvokeFunction"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "forwarder" {
  count = length(local.forwarders)

  name   = "forward"
  role   = aws_iam_role.forwarder[0].id
  policy = data.aws_iam_policy_document.forwarder[0].json
}
