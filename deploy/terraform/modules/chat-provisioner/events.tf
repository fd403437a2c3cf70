# What was done, for other services: one topic, queues subscribe with raw delivery (docs/events/README.md). Optional.

resource "aws_sns_topic" "events" {
  count = var.events ? 1 : 0

  name              = "${local.name}-events"
  kms_master_key_id = "alias/aws/sns"
  tags              = local.tags
}
