# The task definition: the image, its variables, and nothing that can be written to.

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  tags                     = local.tags
  # A revision that was replaced stays active: ECS goes back to it, and commands run with it. An inactive one starts no task.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  container_definitions = jsonencode([{
    name      = "provisioner"
    image     = var.image
    essential = true
    command   = ["run"]

    # As the image says; said again, because the image can be another.
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    privileged             = false

    portMappings = [
      { name = "appservice", containerPort = local.appservice_port, hostPort = local.appservice_port, protocol = "tcp" },
      { name = "admin", containerPort = local.admin_port, hostPort = local.admin_port, protocol = "tcp" },
    ]

    # ECS looks at this one only, not at a HEALTHCHECK of the image. There is no shell.
    healthCheck = {
      command     = ["CMD", "/phenom-provisioner", "healthcheck"]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 300 # the most that ECS takes: a migration counts as not started
    }
    # It needs 27 s at most; the default is 30.
    stopTimeout = 60

    environment = [for name in sort(keys(local.variables)) : { name = name, value = local.variables[name] }]
    secrets     = [for name in sort(keys(local.secret_variables)) : { name = local.secret_variables[name], valueFrom = local.secret_values[name] }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "provisioner"
      }
    }
  }])

  lifecycle {
    precondition {
      condition     = can(regex("(?m)^environment *= *\"${var.environment}\"", var.config_toml))
      error_message = "config_toml is of another environment than ${var.environment}: each environment has a file of its own."
    }
  }
}

locals {
  variables = merge(
    {
      PHENOM_PROVISIONER_CONFIG_TOML         = var.config_toml
      PHENOM_PROVISIONER__APPSERVICE__LISTEN = "0.0.0.0:${local.appservice_port}"
      PHENOM_PROVISIONER__ADMIN__LISTEN      = "0.0.0.0:${local.admin_port}"
      PHENOM_PROVISIONER__QUEUE__URL         = aws_sqs_queue.confirmations.id
      # RDS refuses plaintext; without these two its certificate would not be looked at.
      PGSSLMODE     = "verify-full"
      PGSSLROOTCERT = var.tls_root
    },
    var.events ? { PHENOM_PROVISIONER__EVENTS__TOPIC_ARN = aws_sns_topic.events[0].arn } : {},
    var.log_filter == null ? {} : { RUST_LOG = var.log_filter },
  )
}
