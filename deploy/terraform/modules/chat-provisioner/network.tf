# Who reaches it, and whom it reaches. Everything that is not named here is closed.

resource "aws_security_group" "this" {
  name        = local.name
  description = "Chat provisioner, ${var.environment}"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "synapse_pushes" {
  security_group_id            = aws_security_group.this.id
  description                  = "Synapse pushes transactions"
  referenced_security_group_id = var.synapse_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.appservice_port
  to_port                      = local.appservice_port
}

resource "aws_vpc_security_group_ingress_rule" "admin" {
  for_each = var.admin_security_group_ids

  security_group_id            = aws_security_group.this.id
  description                  = "${each.key}: metrics, or the hook of the roster"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.admin_port
  to_port                      = local.admin_port
}

resource "aws_vpc_security_group_egress_rule" "synapse" {
  security_group_id            = aws_security_group.this.id
  description                  = "Synapse: client and admin API"
  referenced_security_group_id = var.synapse_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.synapse_port
  to_port                      = local.synapse_port
}

resource "aws_vpc_security_group_egress_rule" "database" {
  security_group_id            = aws_security_group.this.id
  description                  = "Postgres: its own database and the roster"
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  security_group_id = aws_security_group.this.id
  description       = "SQS, SNS, Cognito, ECR, Secrets Manager, CloudWatch Logs"
  # Any address: AWS publishes no small, lasting set of addresses for these.
  cidr_ipv4   = "0.0.0.0/0"
  ip_protocol = "tcp"
  from_port   = 443
  to_port     = 443
}

# The other ends. These rules stand in groups of others, and go with this module.

resource "aws_vpc_security_group_ingress_rule" "into_synapse" {
  security_group_id            = var.synapse_security_group_id
  description                  = "${local.name}: client and admin API"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.synapse_port
  to_port                      = local.synapse_port
}

resource "aws_vpc_security_group_ingress_rule" "into_database" {
  security_group_id            = var.database_security_group_id
  description                  = local.name
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = local.database_port
  to_port                      = local.database_port
}
