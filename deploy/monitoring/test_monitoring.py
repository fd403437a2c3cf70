"""Tests of rules and dashboard: every name in them exists, the rules do what they say, and each panel has an answer.

`cargo test --workspace --locked --test parts deploy` installs what they need and runs them; PROMTOOL and PROMETHEUS say where those are.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
from pathlib import Path

import draw
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# What Prometheus adds, and the quantiles of a summary.
ADDED_LABELS = {"job", "instance", "quantile"}
SUFFIXES = ("_sum", "_count")


def promtool(*arguments, cwd=HERE):
    return subprocess.run([os.environ["PROMTOOL"], *arguments], cwd=cwd, capture_output=True, text=True, timeout=50)


def source():
    return "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))


def documented():
    """Metrics of the operators' table, with their labels."""
    section = (ROOT / "docs" / "operate.md").read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    found = {}
    for name, labels in re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", "\n".join(rows)):
        found["provisioner_" + name] = set(filter(None, labels.split(",")))
    return found


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them, with the level of each."""
    found = {}
    for hashes, heading in re.findall(r"^(##+) (.+)$", text, re.MULTILINE):
        found[re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")] = len(hashes)
    return found


# Values that the expressions of the dashboard ask for; any other label has any value.
LABEL_VALUES = {"outcome": ["done", "failed"], "quantile": ["0.5", "0.99"], "status": ["2xx", "429"], "mode": ["enforce"]}


def series():
    """Every metric of the README's table as one replica of two shows it that has run for 20 minutes, as OpenMetrics."""
    end = int(time.time()) - 60
    for name, labels in documented().items():
        is_summary = name.endswith("_seconds") and not name.endswith("_age_seconds")
        yield f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'gauge'}"
        sets = [[]]
        for label in sorted(labels | ({"quantile"} if is_summary else set())):
            sets = [chosen + [f'{label}="{value}"'] for chosen in sets for value in LABEL_VALUES.get(label, ["some"])]
        for chosen in sets:
            for instance in ("one:9090", "two:9090"):
                shown = ",".join(chosen + ['job="phenom-provisioner"', f'instance="{instance}"'])
                for number in range(81):
                    value = number if name.endswith("_total") else int(instance == "one:9090")
                    yield f"{name}{{{shown}}} {value} {end - 15 * (80 - number)}"
    yield "# EOF"


def answering(url, end):
    """That Prometheus, once it answers, for the quarter of an hour before `end`."""
    for _ in range(200):
        with contextlib.suppress(urllib.error.URLError):
            return draw.Prometheus(url, end - 900, end)
        time.sleep(0.1)
    raise AssertionError("Prometheus does not answer")


@contextlib.contextmanager
def prometheus():
    """A real one with those series."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "series").write_text("\n".join(series()) + "\n")
        (Path(folder) / "prometheus.yml").write_text("")
        done = promtool("tsdb", "create-blocks-from", "openmetrics", "series", "data", cwd=folder)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=data", "--log.level=error"]
        running = subprocess.Popen([os.environ["PROMETHEUS"], "--config.file=prometheus.yml", *arguments], cwd=folder)
        try:
            yield answering(f"http://127.0.0.1:{port}", int(time.time()) - 60)
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()


class MonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.groups = yaml.safe_load((HERE / "rules.yaml").read_text())["groups"]
        cls.rules = [rule for group in cls.groups for rule in group["rules"]]
        cls.alerts = [rule for rule in cls.rules if "alert" in rule]
        cls.dashboard = json.loads((HERE / "dashboard.json").read_text())
        cls.panels = [panel for panel in cls.dashboard["panels"] if panel["type"] != "row"]
        cls.runbook = anchors((ROOT / "docs" / "runbook.md").read_text())

    def expressions(self):
        for rule in self.rules:
            yield rule.get("alert", rule.get("record")), rule["expr"]
        for panel in self.panels:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]

    # Names

    def test_the_table_has_every_metric_of_the_code_and_no_other(self):
        told = set(re.findall(r'(?<!CHANNEL: &str = )"(provisioner_[a-z_]+)"', source()))
        # Other words that begin so: modules and channels are no metrics.
        self.assertEqual(told, set(documented()))

    def test_rules_and_dashboard_name_metrics_and_labels_that_there_are(self):
        known = documented()
        recorded = {rule["record"] for rule in self.rules if "record" in rule}
        for where, expression in self.expressions():
            self.assertTrue(re.search(r"provisioner[_:]", expression), where)
            for name in re.findall(r"\bprovisioner:\w+", expression):
                self.assertIn(name, recorded, where)
            for name, selector in re.findall(r"\b(provisioner_\w+)(?:\{([^}]*)\})?", expression):
                base = next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s) and name not in known), name)
                self.assertIn(base, known, where)
                labels = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector))
                self.assertLessEqual(labels, known[base] | ADDED_LABELS, f"{where}: {name}")
            grouped = {
                label.strip()
                for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
                for label in labels.split(",")
            }
            self.assertLessEqual(grouped, set().union(*known.values()) | ADDED_LABELS, where)

    def test_values_of_labels_are_those_of_the_code(self):
        code = source() + "\n".join(path.read_text() for path in (ROOT / "policy").rglob("*.rs"))
        for where, expression in self.expressions():
            for label, values in re.findall(r'\b(outcome|kind|mode|status)\s*=~?\s*"([^"]+)"', expression):
                for value in values.split("|"):
                    known = value.isdigit() or f'"{value}"' in code
                    self.assertTrue(known, f"{where}: no {label} is called {value}")

    # Rules

    def test_the_rules_parse_and_do_what_their_tests_say(self):
        for arguments in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
            done = promtool(*arguments)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_is_tested_to_fire_and_to_be_quiet(self):
        tests = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
        cases = [(case["alertname"], bool(case["exp_alerts"])) for test in tests for case in test["alert_rule_test"]]
        names = {alert["alert"] for alert in self.alerts}
        self.assertEqual({name for name, fires in cases if fires}, names)
        self.assertEqual({name for name, fires in cases if not fires}, names)

    def test_each_alert_leads_to_its_paragraph(self):
        for alert in self.alerts:
            page, anchor = alert["annotations"]["runbook_url"].split("#")
            self.assertEqual(page, "docs/runbook.md")
            self.assertEqual(
                self.runbook.get(anchor), 3, f"{alert['alert']}: docs/runbook.md has no paragraph {anchor}"
            )
            self.assertIn(alert["labels"]["severity"], ("critical", "warning"))

    def test_each_paragraph_of_the_runbook_is_some_alarm_s(self):
        alarms = (ROOT / "deploy/terraform/modules/chat-provisioner/alarms.tf").read_text()
        linked = set(re.findall(r'runbook_url\}#([\w-]+)|runbook = "([\w-]+)"', alarms))
        linked = {one for pair in linked for one in pair if one}
        linked |= {alert["annotations"]["runbook_url"].split("#")[1] for alert in self.alerts}
        self.assertEqual({anchor for anchor, level in self.runbook.items() if level == 3}, linked)

    def test_the_runbook_s_own_links_lead_somewhere(self):
        text = (ROOT / "docs" / "runbook.md").read_text()
        for target in re.findall(r"\]\(([^)]+)\)", text):
            page, _, anchor = target.partition("#")
            path = (ROOT / "docs" / page) if page else ROOT / "docs" / "runbook.md"
            self.assertTrue(path.exists(), target)
            if anchor:
                self.assertIn(anchor, anchors(path.read_text()), target)

    # Dashboard

    def test_every_expression_of_the_dashboard_parses(self):
        rules = []
        for panel in self.panels:
            for target in panel["targets"]:
                expression = draw.fill(target["expr"], step=60, scrape=15)
                self.assertNotIn("$", expression)
                rules.append({"record": f"panel:{panel['id']}_{target['refId']}", "expr": expression})
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
            done = promtool("check", "rules", "panels.yaml", cwd=folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_real_prometheus_has_an_answer_for_each_panel_and_it_can_be_drawn(self):
        with prometheus() as source, tempfile.TemporaryDirectory() as folder:
            for panel in self.panels:
                for target in panel["targets"]:
                    over_time = panel["type"] == "timeseries"
                    found = (source.over_time if over_time else source.now)(panel, target)
                    self.assertTrue(found, f"{panel['title']} shows nothing of: {target['expr']}")
                    for one in found if over_time else []:
                        self.assertNotEqual(draw.legend(target, one["metric"]).strip(), "", panel["title"])
            picture = Path(folder) / "dashboard.png"
            draw.save(draw.draw(self.dashboard, source, "of a test"), picture)
            self.assertEqual(picture.read_bytes()[:4], b"\x89PNG")

    def test_bars_stand_side_by_side_and_add_up(self):
        # Closer than four scrapes the windows lie over each other, and each action is in several bars.
        bars = [panel for panel in self.panels if panel["type"] == "timeseries"]
        bars = [panel for panel in bars if panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars"]
        self.assertTrue(bars)
        for panel in bars:
            self.assertEqual(panel.get("interval"), "1m", panel["title"])
            for target in panel["targets"]:
                self.assertTrue(target["expr"].endswith(" * $__interval_ms / 1000) > 0"), panel["title"])

    def test_every_metric_is_on_the_dashboard(self):
        shown = set(re.findall(r"\bprovisioner_\w+", json.dumps([panel["targets"] for panel in self.panels])))
        # Rare, and told in the log.
        self.assertEqual(set(documented()) - shown, {"provisioner_homeserver_unreadable_entries_total"})

    def test_panels_have_a_place_and_a_name_of_their_own(self):
        taken = {}
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in self.dashboard["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, f"{panel['title']} lies over {taken.get((x, y))}")
                    taken[(x, y)] = panel["title"]
        self.assertEqual(len({panel["title"] for panel in self.panels}), len(self.panels))

    def test_it_asks_the_source_that_one_chooses(self):
        variables = {variable["name"] for variable in self.dashboard["templating"]["list"]}
        self.assertEqual(variables, {"datasource", "job"})
        for panel in self.panels:
            self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])


if __name__ == "__main__":
    unittest.main()
