"""Tests of the Terraform module with HashiCorp's own parser and an evaluator: no provider, no network, no state.

`cargo test --workspace --locked --test parts deploy` installs both and runs them. What only AWS or a provider's schema knows is not
tested here: `terraform validate` says that.
"""

import json
import re
import shutil
import tempfile
import tomllib
import unittest
from pathlib import Path

import pygohcl
from tfparse import load_from_path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULE = HERE / "modules" / "chat-provisioner"
EXAMPLES = sorted(path for path in (HERE / "examples").iterdir() if path.is_dir())
# What only AWS can say. The account is none of an example's, so that nothing may be taken from there.
SAID_BY_AWS = {
    "data.aws_region.current.name": '"us-east-1"',
    "data.aws_caller_identity.current.account_id": '"999999999999"',
    "data.aws_partition.current.partition": '"aws"',
}


def evaluated(example, edit=lambda text: text):
    """Every block of the example and the module by type, with all expressions evaluated. `edit` changes its main.tf."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "deploy" / "terraform"
        shutil.copytree(HERE, copy)
        shutil.copytree(ROOT / "deploy" / "forwarder", copy.parent / "forwarder")
        main = copy / "modules" / "chat-provisioner" / "main.tf"
        text = main.read_text()
        for expression, value in SAID_BY_AWS.items():
            assert expression in text, expression
            text = text.replace(expression, value)
        main.write_text(text)
        entry = copy / "examples" / example / "main.tf"
        entry.write_text(edit(entry.read_text()))
        return load_from_path(str(entry.parent))


def running(text):
    """From step 4 of docs/cut-over.md on."""
    count = "desired_count = 0 #"
    assert count in text
    return text.replace(count, "desired_count = 2 #")


def everything(text):
    """With all that is optional."""
    return running(text).replace(
        "  alarm_actions = [",
        '  events          = true\n  secrets_key_arn = "arn:aws:kms:us-east-1:1:key/1"\n\n  alarm_actions = [',
    )


def blocks(found):
    return found if isinstance(found, list) else [found]


def names(found):
    """What an id stands for: `aws_sqs_queue.confirmations`."""
    known = {}
    for many in found.values():
        for one in many:
            if isinstance(one, dict) and "id" in one:
                known[one["id"]] = (
                    one["__tfmeta"]["path"].removeprefix("module.chat_provisioner.").removeprefix("data.")
                )
    return known


def statements(found, role):
    """The statements of a role's policy."""
    for document in found["aws_iam_policy_document"]:
        if re.fullmatch(rf".*\.aws_iam_policy_document\.{role}(\[0\])?", document["__tfmeta"]["path"]):
            return blocks(document["statement"])
    return []


ROLES = ("execution", "task", "forwarder")


class ModuleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = evaluated("production", everything)
        cls.production = evaluated("production", running)
        (task,) = cls.production["aws_ecs_task_definition"]
        (cls.container,) = json.loads(task["container_definitions"])
        cls.task = task
        cls.readme = (MODULE / "README.md").read_text()

    def one(self, kind, found=None):
        (block,) = (found or self.production)[kind]
        return block

    # It parses

    def test_every_file_parses_and_every_variable_is_used_and_described_by_a_type(self):
        text = "\n".join(path.read_text() for path in sorted(MODULE.glob("*.tf")))
        parsed = pygohcl.loads(text)
        for name, variable in parsed["variable"].items():
            self.assertIn("type", variable, name)
            self.assertRegex(text, rf"\bvar\.{name}\b", f"{name} is not used")
        self.assertEqual(set(re.findall(r"\bvar\.(\w+)", text)), set(parsed["variable"]))

    def test_every_example_gives_what_the_module_asks_for_and_nothing_else(self):
        variables = pygohcl.loads("\n".join(path.read_text() for path in sorted(MODULE.glob("*.tf"))))["variable"]
        needed = {name for name, variable in variables.items() if "default" not in variable}
        self.assertEqual([path.name for path in EXAMPLES], ["production", "staging"])
        for example in EXAMPLES:
            call = pygohcl.loads((example / "main.tf").read_text())["module"]["chat_provisioner"]
            given = set(call) - {"source"}
            self.assertLessEqual(needed, given, example.name)
            self.assertLessEqual(given, set(variables), example.name)

    def test_outputs_of_the_examples_are_outputs_of_the_module(self):
        outputs = pygohcl.loads((MODULE / "outputs.tf").read_text())["output"]
        for example in EXAMPLES:
            used = re.findall(r"module\.chat_provisioner\.(\w+)", (example / "main.tf").read_text())
            self.assertLessEqual(set(used), set(outputs))
            pages = [self.readme, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]
            asked = re.findall(r"terraform output (?:-raw )?(\w+)", "\n".join(pages))
            self.assertIn("dead_letter_queue_url", asked)
            self.assertLessEqual(set(asked), set(used), "a page asks for an output that the example lacks")

    def test_everything_is_known_once_aws_has_said_who_it_is(self):
        """An expression that cannot be evaluated is null: a typing error in a name, mostly."""
        expected_unknown = {"output_base64sha256", "output_path", "source_code_hash", "filename"}

        def look(value, path):
            if value is None:
                self.assertIn(path[-1], expected_unknown, ".".join(map(str, path)))
            elif isinstance(value, dict):
                for key, inner in value.items():
                    if not key.startswith("__"):
                        look(inner, [*path, key])
            elif isinstance(value, list):
                for index, inner in enumerate(value):
                    look(inner, [*path, index])

        for kind, many in self.all.items():
            if kind.startswith("aws_"):
                for one in many:
                    look(one, [one["__tfmeta"]["path"]])

    # The task

    def test_the_task_is_small_without_rights_and_writes_nowhere(self):
        self.assertEqual((self.task["cpu"], self.task["memory"]), (256, 512))
        self.assertTrue(self.container["readonlyRootFilesystem"])
        self.assertFalse(self.container["privileged"])
        self.assertNotEqual(self.container["user"].split(":")[0], "0")
        self.assertEqual(self.container["linuxParameters"]["capabilities"]["drop"], ["ALL"])
        self.assertNotIn("mountPoints", self.container)

    def test_its_health_is_asked_of_the_binary_and_it_has_time_to_stop(self):
        self.assertEqual(self.container["healthCheck"]["command"], ["CMD", "/phenom-provisioner", "healthcheck"])
        # The contract: the process ends within 27 s whatever hangs. Fargate gives 120 s at most.
        self.assertTrue(30 <= self.container["stopTimeout"] <= 120)

    def test_it_logs_to_its_own_group(self):
        options = self.container["logConfiguration"]["options"]
        groups = {group["name"]: group for group in self.production["aws_cloudwatch_log_group"]}
        self.assertIn(options["awslogs-group"], groups)
        for group in groups.values():
            self.assertGreater(group["retention_in_days"], 0)

    def test_it_runs_from_variables_alone_and_secrets_come_from_their_store(self):
        plain = {one["name"]: one["value"] for one in self.container["environment"]}
        secret = {one["name"]: one["valueFrom"] for one in self.container["secrets"]}
        self.assertEqual(
            set(secret),
            {
                "PHENOM_PROVISIONER__APPSERVICE__REGISTRATION_TEXT",
                "PHENOM_PROVISIONER__DATABASE__PASSWORD",
                "PHENOM_PROVISIONER__ROSTER__PASSWORD",
                "PHENOM_PROVISIONER__ADMIN__HOOK_SECRET",
            },
        )
        self.assertIn("PHENOM_PROVISIONER_CONFIG_TOML", plain)
        self.assertFalse([name for name in plain if re.search("PASSWORD|SECRET|TOKEN|REGISTRATION", name)])
        self.assertEqual(plain["PGSSLMODE"], "verify-full")
        ids = names(self.production)
        made = [value for value in secret.values() if value in ids]
        given = [value for value in secret.values() if value not in ids]
        self.assertEqual(len(made), 3)
        for value in given:
            self.assertRegex(value, r"^arn:aws:secretsmanager:[^:]+:\d{12}:secret:[^:]+:[^:]*:[^:]*:[^:]*$")

    def test_a_task_that_has_all_its_variables_sets_keys_that_the_file_does_not(self):
        plain = {one["name"]: one["value"] for one in self.container["environment"]}
        file = tomllib.loads(plain["PHENOM_PROVISIONER_CONFIG_TOML"])
        for name in plain:
            if name.startswith("PHENOM_PROVISIONER__"):
                section, key = name.removeprefix("PHENOM_PROVISIONER__").lower().split("__")
                self.assertNotIn(key, file.get(section, {}), f"{name} and the file both say it")

    def test_ports_are_those_of_the_listeners_the_rules_and_the_address(self):
        plain = {one["name"]: one["value"] for one in self.container["environment"]}
        open_ports = {str(one["containerPort"]) for one in self.container["portMappings"]}
        listen = {plain[name].rsplit(":")[-1] for name in plain if name.endswith("__LISTEN")}
        self.assertEqual(open_ports, listen)
        group = self.one("aws_security_group")["id"]
        ingress = [
            rule
            for rule in self.production["aws_vpc_security_group_ingress_rule"]
            if rule["security_group_id"] == group
        ]
        self.assertEqual({str(rule["from_port"]) for rule in ingress}, listen)
        for rule in ingress:
            self.assertNotIn("cidr_ipv4", rule, "whoever may reach it is a group, never an address")
        address = next(
            o["value"]
            for o in self.production["output"]
            if o["__tfmeta"]["path"] == "module.chat_provisioner.output.address"
        )
        self.assertEqual(address, "http://provisioner.phenom-prod.local:8090")

    def test_it_asks_others_on_the_ports_that_the_file_names(self):
        file = tomllib.loads((HERE / "examples/production/provisioner.toml").read_text())
        out = {rule["from_port"] for rule in self.production["aws_vpc_security_group_egress_rule"]}
        ports = {
            int(re.search(r":(\d+)", url.split("@")[-1])[1])
            for url in (file["homeserver"]["url"][7:], file["database"]["url"], file["roster"]["url"])
        }
        self.assertEqual(out, ports | {443})

    # The service

    def test_two_tasks_are_replaced_without_a_gap_and_a_bad_version_is_taken_back(self):
        service = self.one("aws_ecs_service")
        self.assertEqual(service["desired_count"], 2)
        for example in EXAMPLES:
            before = self.one("aws_ecs_service", evaluated(example.name))
            self.assertEqual(before["desired_count"], 0, "the first apply has empty secrets")
        self.assertEqual(
            (service["deployment_minimum_healthy_percent"], service["deployment_maximum_percent"]), (100, 200)
        )
        self.assertTrue(
            service["deployment_circuit_breaker"]["enable"] and service["deployment_circuit_breaker"]["rollback"]
        )
        self.assertFalse(service["network_configuration"]["assign_public_ip"])
        records = self.one("aws_service_discovery_service")["dns_config"]["dns_records"]
        self.assertEqual((records["type"], records["ttl"]), ("A", 10))

    def test_a_deployment_that_is_taken_back_is_told_to_each_topic(self):
        rule = self.one("aws_cloudwatch_event_rule")
        pattern = json.loads(rule["event_pattern"])
        self.assertEqual(pattern["detail"], {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]})
        self.assertEqual(pattern["resources"], [self.one("aws_ecs_service")["id"]])
        alarm = self.production["aws_cloudwatch_metric_alarm"][0]
        targets = self.production["aws_cloudwatch_event_target"]
        self.assertEqual([target["arn"] for target in targets], alarm["alarm_actions"])
        for target in targets:
            # EventBridge takes a string in quotes for a text, and nothing else.
            self.assertIn(rule["description"].split()[-1], json.loads(target["input_transformer"]["input_template"]))
        (untold,) = [
            one for one in self.all["aws_cloudwatch_metric_alarm"] if one["metric_name"] == "FailedInvocations"
        ]
        self.assertEqual(untold["dimensions"], {"RuleName": rule["name"]})

    def test_commands_run_with_the_revision_of_the_service_and_it_stays_active_when_another_replaces_it(self):
        self.assertIs(self.one("aws_ecs_task_definition")["skip_destroy"], True)
        self.assertIn("${REVISION:-$(aws ecs", self.readme)
        self.assertIn("until aws ecs wait tasks-stopped", self.readme)
        self.assertIn("--query 'services[0].taskDefinition'", self.readme)
        self.assertIn('--task-definition "$revision"', self.readme)

    def test_a_tag_is_refused_as_image(self):
        (rule,) = blocks(pygohcl.loads((MODULE / "variables.tf").read_text())["variable"]["image"]["validation"])
        pattern = re.search(r'regex\("(.+?)", var\.image\)', (MODULE / "variables.tf").read_text())[1].replace(
            "\\\\", "\\"
        )
        self.assertRegex("111111111111.dkr.ecr.us-east-1.amazonaws.com/phenom-provisioner@sha256:" + "0" * 64, pattern)
        self.assertNotRegex("111111111111.dkr.ecr.us-east-1.amazonaws.com/phenom-provisioner:latest", pattern)
        self.assertIn("never by tag", rule["error_message"])

    # The queue

    def test_dead_letters_live_longer_and_both_queues_refuse_plaintext(self):
        queues = {queue["__tfmeta"]["path"].split(".")[-1]: queue for queue in self.production["aws_sqs_queue"]}
        redrive = json.loads(queues["confirmations"]["redrive_policy"])
        self.assertEqual(redrive, {"deadLetterTargetArn": queues["dead_letters"]["id"], "maxReceiveCount": 5})
        self.assertGreater(
            queues["dead_letters"]["message_retention_seconds"], queues["confirmations"]["message_retention_seconds"]
        )
        self.assertFalse([queue for queue in queues.values() if queue["name"].endswith(".fifo")])
        policies = {policy["queue_url"]: policy["policy"] for policy in self.production["aws_sqs_queue_policy"]}
        self.assertEqual(set(policies), {queue["id"] for queue in queues.values()})
        documents = {document["id"]: document["statement"] for document in self.production["aws_iam_policy_document"]}
        for url, policy in policies.items():
            statement = documents[policy]
            self.assertEqual(statement["effect"], "Deny")
            self.assertEqual(statement["resources"], [url])
            self.assertEqual(
                (statement["condition"]["variable"], statement["condition"]["values"]),
                ("aws:SecureTransport", ["false"]),
            )

    # The rights

    def rights(self, found):
        return {
            (role, action) for role in ROLES for statement in statements(found, role) for action in statement["actions"]
        }

    def test_the_readme_names_every_right_and_no_other(self):
        named = set(re.findall(r"^\| (\w+) \| `([\w-]+:\w+)` \|", self.readme, re.MULTILINE))
        self.assertEqual(self.rights(self.all), named)

    def test_what_is_not_asked_for_brings_no_right(self):
        without = evaluated(
            "production", lambda text: re.sub(r"  forwarder = \{.*?\n  \}\n", "", text, flags=re.DOTALL)
        )
        self.assertEqual(
            self.rights(self.all) - self.rights(without),
            {("execution", "kms:Decrypt"), ("task", "sns:Publish"), ("task", "sns:GetTopicAttributes")}
            | {right for right in self.rights(self.all) if right[0] == "forwarder"},
        )
        self.assertNotIn("aws_lambda_function", without)
        self.assertNotIn("aws_sns_topic", without)

    def test_each_right_is_on_the_one_thing_that_it_is_for(self):
        ids = names(self.all)
        on = {}
        for role in ROLES:
            for statement in statements(self.all, role):
                for action in statement["actions"]:
                    on.setdefault((role, action), set()).update(
                        ids.get(r.removesuffix(":*"), r) for r in statement["resources"]
                    )
        self.assertEqual(on[("task", "sqs:ReceiveMessage")], {"aws_sqs_queue.confirmations"})
        self.assertEqual(on[("task", "sqs:DeleteMessage")], {"aws_sqs_queue.confirmations"})
        self.assertEqual(on[("task", "sqs:GetQueueUrl")], {"aws_sqs_queue.dead_letters"})
        self.assertEqual(
            on[("task", "cognito-idp:ListUsers")],
            {"arn:aws:cognito-idp:us-east-1:111111111111:userpool/us-east-1_knEL7cqS3"},
        )
        self.assertEqual(on[("task", "sns:Publish")], {"aws_sns_topic.events[0]"})
        self.assertEqual(on[("task", "sns:GetTopicAttributes")], {"aws_sns_topic.events[0]"})
        self.assertEqual(on[("forwarder", "sqs:SendMessage")], {"aws_sqs_queue.confirmations"})
        self.assertEqual(
            on[("execution", "ecr:BatchGetImage")], {"arn:aws:ecr:us-east-1:111111111111:repository/phenom-provisioner"}
        )
        self.assertEqual(
            on[("execution", "secretsmanager:GetSecretValue")],
            {
                f'aws_secretsmanager_secret.this["{name}"]'
                for name in ("registration", "database-password", "hook-secret")
            }
            | {"arn:aws:secretsmanager:us-east-1:111111111111:secret:phenom-prod-roster-AbCdEf"},
        )
        self.assertEqual(
            {key for key, resources in on.items() if "*" in resources}, {("execution", "ecr:GetAuthorizationToken")}
        )

    def test_the_service_s_rights_are_those_that_its_code_uses_and_its_page_names(self):
        """Every operation of the AWS SDK in src/, as the right that it needs."""
        source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
        operations = set(
            re.findall(r"\bself\s*\.client\s*\.(list_users\w*|\w*(?:queue|message|topic)\w*|publish\w*)\(\)", source)
        )
        needs = {
            "list_users": "cognito-idp:ListUsers",
            "list_users_in_group": "cognito-idp:ListUsersInGroup",
            "receive_message": "sqs:ReceiveMessage",
            "delete_message": "sqs:DeleteMessage",
            "delete_message_batch": "sqs:DeleteMessage",
            "change_message_visibility": "sqs:ChangeMessageVisibility",
            "change_message_visibility_batch": "sqs:ChangeMessageVisibility",
            "get_queue_attributes": "sqs:GetQueueAttributes",
            "get_queue_url": "sqs:GetQueueUrl",
            "publish_batch": "sns:Publish",
            "get_topic_attributes": "sns:GetTopicAttributes",
        }
        self.assertGreater(len(operations), 5)
        used = {needs[operation] for operation in operations}
        may = {action for role, action in self.rights(self.all) if role == "task"}
        self.assertEqual(used, may)
        page = (ROOT / "docs" / "aws.md").read_text()
        for action in used:
            self.assertTrue(f"`{action}`" in page, f"docs/aws.md does not name {action}")

    def test_every_page_that_names_rights_names_those_on_the_dead_letter_queue(self):
        on = {"aws_sqs_queue.confirmations": set(), "aws_sqs_queue.dead_letters": set()}
        ids = names(self.all)
        for statement in statements(self.all, "task"):
            for resource in statement["resources"]:
                on.get(ids.get(resource), set()).update(statement["actions"])
        self.assertEqual(on["aws_sqs_queue.dead_letters"], {"sqs:GetQueueUrl", "sqs:GetQueueAttributes"})
        for page in (ROOT / "docs" / "aws.md", ROOT / "deploy" / "forwarder" / "README.md"):
            text = " ".join(page.read_text().split())
            rights = r"((?:`sqs:\w+`[, and]*)+)"
            found = re.search(f"{rights} on the queue, (?:and )?{rights} on (?:its|the) dead-letter queue", text)
            self.assertTrue(found, f"{page} does not say which rights are on which queue")
            said = [set(re.findall(r"sqs:\w+", part)) for part in found.groups()]
            self.assertEqual(said, [on["aws_sqs_queue.confirmations"], on["aws_sqs_queue.dead_letters"]], page)

    def test_the_forwarder_s_rights_are_those_of_its_own_policies(self):
        own = {"kms:GenerateDataKey", "kms:Decrypt"}  # The queue here is encrypted by SQS itself.
        for path in (ROOT / "deploy" / "forwarder").glob("policy*.json"):
            for statement in json.loads(path.read_text())["Statement"]:
                own.update([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        self.assertEqual(
            {action for role, action in self.rights(self.all) if role == "forwarder"},
            own - {"kms:GenerateDataKey", "kms:Decrypt"},
        )

    def test_whatever_means_any_says_why(self):
        for path in sorted(MODULE.glob("*.tf")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                if (
                    re.search(r'"[^"]*\*"|"0\.0\.0\.0/0"|"::/0"', line)
                    and "$.message" not in line
                    and not line.strip().startswith("#")
                ):
                    before = [other.strip() for other in lines[max(0, number - 3) : number]]
                    said = [other for other in before if other.startswith("# Any")]
                    self.assertTrue(said, f"{path.name}:{number + 1} means any, and nobody says why: {line.strip()}")

    # Secrets and environments

    def test_no_secret_has_a_value_here(self):
        for path in HERE.rglob("*.tf"):
            text = path.read_text()
            self.assertNotIn("aws_secretsmanager_secret_version", text, path)
            for name, variable in pygohcl.loads(text).get("variable", {}).items():
                if re.search("secret|password|token|key", name):
                    self.assertIn(
                        variable.get("default", None),
                        (None, {}, ["registration", "database-password", "roster-password", "hook-secret"]),
                        name,
                    )
        for path in HERE.rglob("*.toml"):
            file = tomllib.loads(path.read_text())
            self.assertFalse(re.search(r"://[^/@:]+:[^/@]*@", path.read_text()), f"{path} has a password in a URL")
            self.assertNotIn("hook_secret", file.get("admin", {}))

    def test_environments_never_meet(self):
        seen = {}
        for example in EXAMPLES:
            text = (example / "main.tf").read_text()
            self.assertNotIn("terraform_remote_state", text)
            parsed = pygohcl.loads(text)
            (backend,) = blocks(parsed["terraform"])[0]["backend"].values()
            said = {
                "state": (backend["bucket"], backend["key"]),
                "bucket": backend["bucket"],
                "account": tuple(parsed["provider"]["aws"]["allowed_account_ids"]),
                "accounts named": frozenset(re.findall(r"(?<![0-9a-f])\d{12}(?![0-9a-f])", text)),
                "pool": re.search(r"userpool/(\S+?)\"", text)[1],
                "prefix": re.search(r'name_prefix\s+= "(.+?)"', text)[1],
                "namespace": re.search(r'namespace\s+= .*name = "(.+?)"', text)[1],
            }
            file = tomllib.loads((example / "provisioner.toml").read_text())
            self.assertEqual(file["environment"], example.name)
            self.assertEqual(file["cognito"]["user_pool_id"], said["pool"])
            self.assertEqual(said["accounts named"], frozenset(said["account"]))
            self.assertIn(said["namespace"], file["homeserver"]["url"])
            said["homeserver"] = file["homeserver"]["server_name"]
            said["database"] = file["database"]["url"]
            for key, value in said.items():
                self.assertNotIn((key, value), seen, f"{example.name} and {seen.get((key, value))} share {key}")
                seen[(key, value)] = example.name
            for other in EXAMPLES:
                if other != example:
                    self.assertNotIn(f"examples/{other.name}", text)

    def test_a_file_of_another_environment_is_refused(self):
        def crossed(text):
            return text.replace("${path.module}/provisioner.toml", "${path.module}/../staging/provisioner.toml")

        def condition(found):
            return self.one("aws_ecs_task_definition", found)["lifecycle"]["precondition"]["condition"]

        self.assertIs(condition(self.production), True)
        self.assertIs(condition(evaluated("production", crossed)), False)

    def test_the_examples_observe_everything_and_say_so_of_each(self):
        every = tomllib.loads((ROOT / "provisioner.example.toml").read_text())["modes"]
        for example in EXAMPLES:
            modes = tomllib.loads((example / "provisioner.toml").read_text())["modes"]
            self.assertEqual(modes, dict.fromkeys(every, "observe"), example.name)

    # Papers

    def test_recipes_name_the_container_and_commands_that_there_are(self):
        commands = set(re.findall(r"^\| `(\w+)", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE))
        recipes = [json.loads(each) for each in re.findall(r"`once '(.+?)'`", self.readme)]
        said = set()
        for recipe in recipes:
            (override,) = recipe["containerOverrides"]
            self.assertEqual(override["name"], self.container["name"])
            said.add(override["command"][0])
        self.assertLessEqual({"doctor", "plan", "bootstrap", "backfill"}, said)
        self.assertLessEqual(said - {"resume"}, commands)

    def test_alarms_lead_to_a_paragraph_of_the_runbook(self):
        headings = re.findall(r"^##+ (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        alarms = self.all["aws_cloudwatch_metric_alarm"]
        self.assertGreaterEqual(len(alarms), 10)
        for alarm in alarms:
            self.assertIn(alarm["alarm_description"].rsplit("#")[-1], anchors, alarm["alarm_name"])
            self.assertTrue(alarm["alarm_actions"])

    def test_of_what_happened_once_no_alarm_says_that_it_is_over(self):
        silent = {one["metric_name"] for one in self.all["aws_cloudwatch_metric_alarm"] if not one.get("ok_actions")}
        # Errors stands for two: lines of the log, and failed calls of the forwarder.
        self.assertEqual(silent, {"Errors", "Held", "NoLongerRepeated", "NotForwarded", "FailedInvocations"})
        lasting = {one["metric_name"] for one in self.all["aws_cloudwatch_metric_alarm"] if one.get("ok_actions")}
        self.assertTrue({"ReconcilingStopped", "CPUUtilization"} <= lasting and not silent & lasting)

    def test_the_heartbeat_tells_what_lasts(self):
        beats = {"Leads", "NotReady", "Paused", "HeldChanges"}
        alarms = {one["metric_name"]: one for one in self.all["aws_cloudwatch_metric_alarm"]}
        lasts = {name: alarms[name]["period"] * alarms[name]["evaluation_periods"] for name in beats}
        self.assertEqual(lasts, {"Leads": 600, "NotReady": 900, "Paused": 3600, "HeldChanges": 3600})
        self.assertTrue(all(alarms[name]["ok_actions"] for name in beats))
        # A log that is empty says that nobody leads, and of a pause neither that it lasts nor that it is over.
        self.assertEqual(alarms["Leads"]["comparison_operator"], "LessThanThreshold")
        self.assertEqual(alarms["Leads"]["treat_missing_data"], "breaching")
        self.assertEqual(alarms["Paused"]["treat_missing_data"], "ignore")
        paused = [
            one["metric_transformation"]["value"]
            for one in self.all["aws_cloudwatch_log_metric_filter"]
            if one["metric_transformation"]["name"] == "Paused"
        ]
        self.assertEqual(set(paused), {"0", "1"}, "what is over must be said, too")
        # Where no task is to run, nobody is missed.
        before = evaluated("production")["aws_cloudwatch_metric_alarm"]
        self.assertFalse(beats & {one["metric_name"] for one in before})

    def test_log_filters_look_for_what_the_code_says(self):
        source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
        forwarder = (ROOT / "deploy" / "forwarder" / "forwarder.py").read_text()
        for one in self.all["aws_cloudwatch_log_metric_filter"]:
            pattern = one["pattern"]
            for said in re.findall(r'\$\.message = "\*?(.+?)\*?"', pattern):
                self.assertTrue(said in source, f"nothing in src/ logs {said!r}")
            for said in re.findall(r'\?"?([^"?]+?)"?(?= \?|$)', pattern):
                self.assertTrue(f'log.error("{said.strip()}' in forwarder, f"the forwarder does not log {said!r}")
            # A field is a name that some line is logged with; of a line the level is everybody's.
            fields = set(re.findall(r"\$\.(\w+)", pattern)) - {"message", "level"}
            for field in fields | set(re.findall(r"^\$\.(\w+)$", one["metric_transformation"]["value"])):
                self.assertRegex(source, rf"(?m)^ +{field} = beat\.{field},$", pattern)
        metrics = {one["metric_transformation"]["name"] for one in self.all["aws_cloudwatch_log_metric_filter"]}
        watched = {
            alarm["metric_name"]
            for alarm in self.all["aws_cloudwatch_metric_alarm"]
            if alarm["namespace"].startswith("ChatProvisioner/")
        }
        self.assertEqual(metrics, watched)

    def test_what_the_service_lacks_is_said_for_as_long_as_it_lacks_it(self):
        source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
        needs = ("Healthcheck", "PHENOM_PROVISIONER_CONFIG_TOML", "registration_text")
        lacks = [name for name in needs if name not in source]
        for readme in (MODULE / "README.md", ROOT / "deploy" / "image" / "README.md"):
            self.assertEqual("**Not yet:**" in readme.read_text(), bool(lacks), f"{readme}: src/ lacks {lacks}")

    def test_the_service_keeps_its_own_log_filter_unless_one_is_given(self):
        environment = json.loads(self.all["aws_ecs_task_definition"][0]["container_definitions"])[0]["environment"]
        self.assertNotIn("RUST_LOG", {one["name"] for one in environment})


if __name__ == "__main__":
    unittest.main()
