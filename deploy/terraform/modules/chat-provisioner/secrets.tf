# The secrets, empty: their values are put there by hand (README), so that no state holds them.

locals {
  known_secrets = {
    registration      = "PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT"
    database-password = "PHENOM_PROVISIONER__DATABASE__PASSWORD"
    roster-password   = "PHENOM_PROVISIONER__ROSTER__PASSWORD"
    hook-secret       = "PHENOM_PROVISIONER__ADMIN__HOOK_SECRET"
  }
  secret_variables = { for name, variable in local.known_secrets : name => variable if contains(var.secrets, name) }
  made_secrets     = toset([for name in keys(local.secret_variables) : name if !contains(keys(var.existing_secrets), name)])

  secret_values = merge(
    { for name, secret in aws_secretsmanager_secret.this : name => secret.arn },
    { for name, value in var.existing_secrets : name => value if contains(var.secrets, name) },
  )
  # `valueFrom` may go on with a key, a stage and a version; the right is to the secret.
  secret_arns = distinct([for value in values(local.secret_values) : join(":", slice(split(":", value), 0, min(7, length(split(":", value)))))])
}

resource "aws_secretsmanager_secret" "this" {
  for_each = local.made_secrets

  name                    = "${local.name}-${each.key}"
  description             = "${local.secret_variables[each.key]} of the chat provisioner, ${var.environment}"
  kms_key_id              = var.secrets_key_arn
  recovery_window_in_days = 30
  tags                    = local.tags
}
