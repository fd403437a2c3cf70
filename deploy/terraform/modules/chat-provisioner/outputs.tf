output "address" {
  description = "Where Synapse pushes to: the `url` of the registration, of Synapse and of this service alike."
  value       = "http://${var.discovery_name}.${var.namespace.name}:${local.appservice_port}"
}

output "security_group_id" {
  description = "Of the tasks, for run-task and for rules of your own."
  value       = aws_security_group.this.id
}

output "service" {
  description = "Its task definition is the one for run-task: the newest of the family may be one that ECS took back."
  value       = aws_ecs_service.this.name
}

output "task_definition" {
  description = "The revision that the last apply asked for. After a failed deployment another one runs."
  value       = aws_ecs_task_definition.this.arn
}

output "run_task_network" {
  description = "For `aws ecs run-task --network-configuration`."
  value       = "awsvpcConfiguration={subnets=[${join(",", var.subnet_ids)}],securityGroups=[${aws_security_group.this.id}],assignPublicIp=DISABLED}"
}

output "log_group" {
  value = aws_cloudwatch_log_group.this.name
}

output "secret_arns" {
  description = "Those made here, to be filled by hand. `registration` also feeds Synapse."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "queue_url" {
  description = "The id of a queue of SQS is its URL."
  value       = aws_sqs_queue.confirmations.id
}

output "dead_letter_queue_url" {
  value = aws_sqs_queue.dead_letters.id
}

output "forwarder_arn" {
  description = "What the pool's PostConfirmation trigger may name; nothing without the forwarder."
  value       = one(aws_lambda_function.forwarder[*].arn)
}

output "events_topic_arn" {
  value = one(aws_sns_topic.events[*].arn)
}
