# The chat provisioner in staging. Every id below is that of an example: put yours.
# Production has a folder, a state, an account of its own; nothing here is read from there.

terraform {
  required_version = ">= 1.10"

  backend "s3" {
    bucket       = "phenom-staging-terraform"
    key          = "chat-provisioner/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

provider "aws" {
  region = "us-east-1"
  # Another account's credentials are refused before anything is looked at.
  allowed_account_ids = ["222222222222"]
}

module "chat_provisioner" {
  source = "../../modules/chat-provisioner"

  name_prefix   = "phenom-staging"
  environment   = "staging"
  image         = "222222222222.dkr.ecr.us-east-1.amazonaws.com/phenom-provisioner@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  config_toml   = file("${path.module}/provisioner.toml")
  desired_count = 0 # 2 in step 4 of docs/cut-over.md

  cluster_name = "phenom-staging"
  cluster_arn  = "arn:aws:ecs:us-east-1:222222222222:cluster/phenom-staging"
  vpc_id       = "vpc-22222222222222221"
  subnet_ids   = ["subnet-22222222222222221", "subnet-22222222222222222"]
  namespace    = { id = "ns-2222222222222222", name = "phenom-staging.local" }

  synapse_security_group_id  = "sg-22222222222222221"
  database_security_group_id = "sg-22222222222222222"
  admin_security_group_ids   = { hasura = "sg-22222222222222223" }

  user_pool_arn = "arn:aws:cognito-idp:us-east-1:222222222222:userpool/us-east-1_n8gO6SbP6"

  # One that is there already; the others are made, empty.
  existing_secrets = {
    roster-password = "arn:aws:secretsmanager:us-east-1:222222222222:secret:phenom-staging-roster-AbCdEf:password::"
  }

  forwarder = {
    source_file    = "${path.module}/../../../forwarder/forwarder.py"
    next_function  = "arn:aws:lambda:us-east-1:222222222222:function:phenom-staging-hasura-cognito-sync-users"
    next_fail_open = false
  }

  alarm_actions = ["arn:aws:sns:us-east-1:222222222222:phenom-staging-alarms"]
}

output "address" {
  value = module.chat_provisioner.address
}

output "run_task_network" {
  value = module.chat_provisioner.run_task_network
}

output "service" {
  value = module.chat_provisioner.service
}

output "task_definition" {
  value = module.chat_provisioner.task_definition
}

output "secret_arns" {
  value = module.chat_provisioner.secret_arns
}

output "forwarder_arn" {
  value = module.chat_provisioner.forwarder_arn
}

output "queue_url" {
  value = module.chat_provisioner.queue_url
}

output "dead_letter_queue_url" {
  value = module.chat_provisioner.dead_letter_queue_url
}

output "log_group" {
  value = module.chat_provisioner.log_group
}
