"""Tests of the Dockerfile without a Docker engine: a linter, and what it must have in common with the rest of the repository.

`cargo test --workspace --locked --test parts deploy` installs the linter (hadolint) and runs them.
"""

import re
import subprocess
import sys
import tomllib
import unittest
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TERRAFORM = ROOT / "deploy" / "terraform" / "modules" / "chat-provisioner"
DOCKERFILE = (HERE / "Dockerfile").read_text()


def hadolint(text):
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [linter, "--config", HERE / "hadolint.yaml", "-"], input=text, capture_output=True, text=True, timeout=50
    )
    return done.returncode, done.stdout + done.stderr


def instructions(text):
    """(instruction, arguments) in their order, comments and continued lines apart."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip().split(maxsplit=1) for line in re.sub(r"\\\n", " ", lines).splitlines() if line.strip()]


class ImageTest(unittest.TestCase):
    def setUp(self):
        every = instructions(DOCKERFILE)
        last = max(index for index, (name, _) in enumerate(every) if name == "FROM")
        self.build, self.final = every[:last], every[last:]
        self.said = {name: arguments for name, arguments in self.final if name != "ARG"}

    def test_the_linter_has_nothing_to_say(self):
        self.assertEqual(hadolint(DOCKERFILE), (0, ""))

    def test_the_linter_looks(self):
        code, said = hadolint(DOCKERFILE.replace("cc-debian12:nonroot\nARG", "cc-debian12:latest\nARG"))
        self.assertNotEqual(code, 0)
        self.assertIn("DL3007", said)
        code, said = hadolint(DOCKERFILE.replace('org.opencontainers.image.licenses="Apache-2.0"', 'licence="mine"'))
        self.assertNotEqual(code, 0)
        self.assertIn("label", said.lower())

    def test_it_is_small_and_nobody(self):
        self.assertIn("distroless", self.said["FROM"])
        self.assertTrue(self.said["FROM"].endswith(":nonroot"))
        user = self.said["USER"]
        self.assertRegex(user, r"^[1-9]\d*:[1-9]\d*$")
        self.assertNotIn("RUN", self.said, "there is no shell in it")
        self.assertIn(f'user                   = "{user}"', (TERRAFORM / "task.tf").read_text())

    def test_the_binary_is_where_the_task_s_health_check_looks_for_it(self):
        self.assertEqual(self.said["ENTRYPOINT"], '["/phenom-provisioner"]')
        self.assertEqual(self.said["CMD"], '["run"]')
        self.assertIn("/root-of-image/phenom-provisioner", DOCKERFILE)
        self.assertEqual(self.said["COPY"], "--from=build /root-of-image/ /")
        task = (TERRAFORM / "task.tf").read_text()
        command = re.search(r'command\s*=\s*\["CMD", (.+?)\]', task)[1]
        self.assertEqual(self.said["HEALTHCHECK"].split("CMD ")[1], f"[{command}]")

    def test_the_certificates_are_where_the_task_looks_for_them(self):
        default = re.search(
            r'variable "tls_root" \{.*?default\s*=\s*"(.+?)"', (TERRAFORM / "variables.tf").read_text(), re.DOTALL
        )[1]
        self.assertIn(f"/root-of-image{default}\n", DOCKERFILE)

    def test_their_checksum_is_asked_for_and_never_made_up(self):
        names = [arguments for name, arguments in self.build if name == "ARG"]
        self.assertIn("RDS_SHA256", names, "it has no default")
        self.assertNotRegex(DOCKERFILE, r"[0-9a-f]{64}")
        self.assertIn("sha256sum --check --strict", DOCKERFILE)
        self.assertIn("${RDS_SHA256:?", DOCKERFILE)

    def test_the_binary_knows_the_commit_that_the_label_names(self):
        self.assertIn(["ARG", "COMMIT"], self.build)
        variable = re.search(r'option_env!\("(\w+)"\)', (ROOT / "src/version.rs").read_text())[1]
        self.assertIn(f'{variable}="$COMMIT" cargo', DOCKERFILE)
        self.assertIn('org.opencontainers.image.revision="${COMMIT}"', DOCKERFILE)

    def test_the_ports_are_those_of_the_task(self):
        main = (TERRAFORM / "main.tf").read_text()
        ports = {re.search(rf"{name}_port *= (\d+)", main)[1] for name in ("appservice", "admin")}
        self.assertEqual(set(self.said["EXPOSE"].split()), ports)

    def test_it_is_built_with_the_compiler_that_everybody_has(self):
        channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
        self.assertIn(["ARG", f"RUST={channel}"], self.build)

    def test_everything_that_the_build_needs_is_sent_to_it_and_nothing_else(self):
        lines = (HERE / "Dockerfile.dockerignore").read_text().splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        self.assertEqual(rules[0], "*")
        sent = {rule.removeprefix("!") for rule in rules[1:]}
        manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
        members = {member.split("/")[0] for member in manifest["workspace"]["members"]} - {"."}
        # What cargo and the macros of sqlx and askama read; targets of the package must be there to be known.
        folders = {"src", ".sqlx", "migrations"} | {
            name for name in ("templates", "benches", "tests", "build.rs") if (ROOT / name).exists()
        }
        self.assertEqual(sent, {"Cargo.toml", "Cargo.lock", "rust-toolchain.toml"} | members | folders)
        for path in sent:
            self.assertTrue((ROOT / path).exists(), path)
        # Nothing outside of them is included by the code.
        for file in [*(ROOT / "src").rglob("*.rs"), *(ROOT / "policy").rglob("*.rs")]:
            for included in re.findall(r'include_(?:str|bytes)!\("([^"]+)"', file.read_text()):
                target = (file.parent / included).resolve().relative_to(ROOT.resolve())
                self.assertIn(target.parts[0], sent, f"{file} includes {target}")

    def test_the_guide_gives_every_argument(self):
        guide = (HERE / "README.md").read_text()
        given = set(re.findall(r"--build-arg (\w+)=", guide))
        asked = {arguments for name, arguments in [*self.build, *self.final] if name == "ARG" and "=" not in arguments}
        self.assertLessEqual(asked, given)


if __name__ == "__main__":
    unittest.main()
