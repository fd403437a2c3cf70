"""Draws the dashboard as a picture: every panel at its place, with what a Prometheus answers to its own expressions.

    draw.py PROMETHEUS START END OUTPUT

START and END are seconds since 1970. Grafana draws the same panels by itself; this is for a page of documentation, and for
finding out whether each panel shows what it is meant to. `cargo run -p testbed -- dashboard` makes the one of docs/runbook.md.
It needs matplotlib. A panel of a type that it cannot draw is an error.
"""

import json
import math
import re
import sys
import urllib.parse
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).parent
# Pixels of one unit of Grafana's grid, at 100 to the inch.
COLUMN, ROW, DPI = 68, 34, 100
POINTS = 240
BACKGROUND, PANEL, TEXT, FAINT, LINES = "#f4f5f5", "#ffffff", "#24292e", "#6e7781", "#e3e5e8"
# Grafana's classic palette, and the names that thresholds use.
PALETTE = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300"]
NAMED = {"green": "#56a64b", "orange": "#ff780a", "red": "#e02f44"}


def duration(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def fill(expression, step, scrape):
    """The variables of the dashboard filled in as Grafana does."""
    rate = max(step + scrape, 4 * scrape)
    values = {"$__rate_interval": f"{rate:.0f}s", "$__interval_ms": f"{step * 1000:.0f}", "$job": ".+"}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return expression


class Prometheus:
    """What Grafana asks a Prometheus."""

    def __init__(self, url, start, end):
        self.url, self.start, self.end = url.rstrip("/"), start, end
        targets = self.ask("targets", state="active")["activeTargets"]
        self.scrape = max((duration(target["scrapeInterval"]) for target in targets), default=15)

    def ask(self, what, **parameters):
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def step(self, panel):
        fits = math.ceil((self.end - self.start) / POINTS)
        return max(fits, self.scrape, duration(panel.get("interval", "1s")))

    def now(self, panel, target):
        expression = fill(target["expr"], self.step(panel), self.scrape)
        return self.ask("query", query=expression, time=self.end)["result"]

    def over_time(self, panel, target):
        step = self.step(panel)
        # Grafana's times are multiples of the step.
        start, end = (math.floor(time / step) * step for time in (self.start, self.end))
        expression = fill(target["expr"], step, self.scrape)
        return self.ask("query_range", query=expression, start=start, end=end, step=step)["result"]


def formatted(value, unit):
    if unit == "s":
        if value == 0:
            return "0 s"
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    number = f"{value:.0f}" if value == round(value) else f"{value:.3g}"
    return {"short": number, "reqps": f"{number} req/s"}[unit]


def legend(target, labels):
    pattern = target.get("legendFormat") or ", ".join(f"{{{{{label}}}}}" for label in sorted(labels))
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), pattern)


class Picture:
    """The page: Grafana's grid of 24 columns."""

    def __init__(self, dashboard, caption):
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        self.rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) + 1
        self.width, self.height = 24 * COLUMN, self.rows * ROW
        self.figure = Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI, facecolor=BACKGROUND)
        self.text(8, 20, dashboard["title"], size=12, weight="bold")
        self.text(self.width - 8, 20, caption, size=8, color=FAINT, ha="right")

    def text(self, x, y, text, size, color=TEXT, **rest):
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, color=color, **rest)

    def box(self, panel, inset=(0, 0, 0, 0), **rest):
        """Axes over a panel but for a margin in pixels: left, top, right, bottom."""
        place, (left, top, right, bottom) = panel["gridPos"], inset
        x0, x1 = place["x"] * COLUMN + 4 + left, (place["x"] + place["w"]) * COLUMN - 4 - right
        # The first row is the page's heading.
        y0, y1 = (place["y"] + 1) * ROW + 3 + top, (place["y"] + 1 + place["h"]) * ROW - 3 - bottom
        axes = self.figure.add_axes(
            (x0 / self.width, 1 - y1 / self.height, (x1 - x0) / self.width, (y1 - y0) / self.height), **rest
        )
        axes.tick_params(length=0, labelsize=7, colors=FAINT, pad=3)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes, (x0, y0, x1, y1)

    def frame(self, panel, color=PANEL):
        axes, (x0, y0, _, _) = self.box(panel, facecolor=color)
        axes.set_xticks([])
        axes.set_yticks([])
        self.text(x0 + 8, y0 + 17, panel["title"], size=9, weight="bold", color=TEXT if color == PANEL else "white")

    def nothing(self, panel):
        axes, _ = self.box(panel, (0, 24, 0, 0), facecolor="none")
        axes.set_axis_off()
        text = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=10, color=FAINT)

    def row(self, panel, _):
        _, (x0, y0, _, y1) = self.box(panel, facecolor="none", xticks=[], yticks=[])
        self.text(x0 + 4, (y0 + y1) / 2 + 5, panel["title"], size=10, weight="bold")

    def stat(self, panel, prometheus):
        defaults = panel["fieldConfig"]["defaults"]
        result = prometheus.now(panel, panel["targets"][0])
        if not result:
            self.frame(panel)
            return self.nothing(panel)
        value = float(result[0]["value"][1])
        steps = defaults["thresholds"]["steps"]
        reached = [step for step in steps if step["value"] is None or value >= step["value"]]
        self.frame(panel, NAMED[reached[-1]["color"]])
        texts = {key: entry["text"] for mapping in defaults["mappings"] for key, entry in mapping["options"].items()}
        axes, _ = self.box(panel, (0, 24, 0, 0), facecolor="none")
        axes.set_axis_off()
        shown = texts.get(f"{value:.0f}") or formatted(value, defaults["unit"])
        axes.text(0.5, 0.5, shown, ha="center", va="center", fontsize=26, color="white", weight="bold")

    def table(self, panel, prometheus):
        self.frame(panel)
        result = prometheus.now(panel, panel["targets"][0])
        if not result:
            return self.nothing(panel)
        labels = sorted({label for series in result for label in series["metric"]})
        renamed = panel["transformations"][0]["options"]["renameByName"]
        rows = [[*labels, renamed["Value"]]]
        rows += sorted([series["metric"].get(label, "") for label in labels] + [series["value"][1]] for series in result)
        fit = (panel["gridPos"]["h"] * ROW - 38) // 24
        axes, _ = self.box(panel, (8, 26, 8, 6), facecolor="none", xlim=(0, len(rows[0])), ylim=(fit, 0))
        axes.set_axis_off()
        for y, row in enumerate(rows[:fit]):
            for x, cell in enumerate(row):
                axes.text(x, y + 0.5, cell, va="center", fontsize=8, weight="bold" if y == 0 else "normal", color=TEXT)
            axes.axhline(y + 1, color=LINES, linewidth=0.8)

    @staticmethod
    def is_beside(panel):
        return panel["options"]["legend"]["placement"] == "right"

    def legend_of(self, panel, found):
        """Names that fit, in how many columns and lines, and the margin that leaves room for them."""
        if self.is_beside(panel):
            fit = (panel["gridPos"]["h"] * ROW - 70) // 14
            highest = sorted(found, key=lambda one: -max(one[1].values()))
            return [name for name, _ in highest[:fit]], 1, min(len(found), fit), (62, 28, 150, 24)
        columns = 3 if panel["gridPos"]["w"] < 12 else 4
        names = [name for name, _ in found[: 4 * columns]]
        lines = math.ceil(len(names) / columns)
        return names, columns, lines, (62, 28, 12, 24 + 14 * lines)

    def timeseries(self, panel, prometheus):
        from matplotlib.dates import AutoDateLocator, DateFormatter
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        self.frame(panel)
        defaults = panel["fieldConfig"]["defaults"]
        custom, unit = defaults["custom"], defaults["unit"]
        found = [
            (legend(target, series["metric"]), [(int(at), float(value)) for at, value in series["values"]])
            for target in panel["targets"]
            for series in prometheus.over_time(panel, target)
        ]
        found = sorted((name, {at: v for at, v in points if not math.isnan(v)}) for name, points in found)
        found = [(name, points) for name, points in found if points]
        if not found:
            return self.nothing(panel)
        entries, columns, lines, margin = self.legend_of(panel, found)
        axes, (x0, _, x1, y1) = self.box(panel, margin, facecolor=PANEL)
        moment = lambda at: datetime.fromtimestamp(at, timezone.utc)  # noqa: E731
        stacked, below = custom["stacking"]["mode"] == "normal", {}
        step = prometheus.step(panel)
        for number, (name, points) in enumerate(found):
            color = PALETTE[number % len(PALETTE)]
            times = sorted(points)
            base = [below.get(at, 0) if stacked else 0 for at in times]
            tops = [low + points[at] for low, at in zip(base, times)]
            if stacked:
                below.update(zip(times, tops))
            if custom["drawStyle"] == "bars":
                heights = [points[at] for at in times]
                # A bar is over the time that it counts.
                width = -0.85 * step / 86400
                axes.bar([moment(at) for at in times], heights, bottom=base, width=width, align="edge", color=color)
            else:
                # A gap is a gap: Grafana joins points that are one step apart.
                at, xs, lows, highs = None, [], [], []
                for time, low, high in zip(times, base, tops):
                    if at is not None and time - at > 1.5 * step:
                        xs, lows, highs = [*xs, moment(at + step)], [*lows, math.nan], [*highs, math.nan]
                    xs, lows, highs, at = [*xs, moment(time)], [*lows, low], [*highs, high], time
                axes.plot(xs, highs, color=color, linewidth=1.4, marker="." if len(times) == 1 else "")
                axes.fill_between(xs, lows, highs, color=color, alpha=custom["fillOpacity"] / 100, linewidth=0)
            if name in entries:
                column, line = entries.index(name) % columns, entries.index(name) // columns
                x, y = x0 - 50 + column * (x1 - x0 + 50) / columns, y1 + 29 + 14 * line
                if self.is_beside(panel):
                    x, y = x1 + 10, y1 - 14 * (lines - 1 - line)
                self.text(x, y, "━", size=9, color=color, weight="bold")
                self.text(x + 16, y, name, size=7.5)
        axes.set_xlim(moment(prometheus.start), moment(prometheus.end))
        axes.set_ylim(bottom=0)
        if not any(value for _, points in found for value in points.values()):
            axes.set_ylim(top=1)
        axes.grid(color=LINES, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=7))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=False))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: formatted(value, unit)))


def draw(dashboard, prometheus, caption):
    picture = Picture(dashboard, caption)
    for panel in dashboard["panels"]:
        {"row": picture.row, "stat": picture.stat, "table": picture.table, "timeseries": picture.timeseries}[
            panel["type"]
        ](panel, prometheus)
    return picture.figure


def save(figure, output):
    """As a picture of few colours: a quarter of the size."""
    import io

    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", facecolor=figure.get_facecolor())
    image = Image.open(drawn).convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    image.save(output, optimize=True)


def main(url, start, end, output):
    dashboard = json.loads((HERE / "dashboard.json").read_text())
    prometheus = Prometheus(url, float(start), float(end))
    first, last = (datetime.fromtimestamp(float(at), timezone.utc) for at in (start, end))
    caption = f"drawn by deploy/monitoring/draw.py from what Prometheus answered, {first:%Y-%m-%d %H:%M} to {last:%H:%M} UTC"
    save(draw(dashboard, prometheus, caption), output)


if __name__ == "__main__":
    main(*sys.argv[1:])
