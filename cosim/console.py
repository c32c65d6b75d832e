"""What a run shows on a terminal: progress while it goes on, tables at the end. Quiet where nobody watches."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cosim.results import Run
from cosim.runtime.coordinator import Overview
from cosim.scenario.plan import Plan
from cosim.sdk import CosimError, ScenarioError, format_ns

REFRESH_S = 0.2
_FIELDS = ("fields[time]", "fields[speed]", "fields[busy]")


class ConsoleListener:
    """Shows a run's progress on standard error: simulated time, speed, time left, who holds it up."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._progress: Any = None
        self._task: Any = None
        self._shown = 0.0

    def started(self, plan: Plan, transport: str, workers: int) -> None:
        if self._quiet:
            return
        where = {"inline": "in one process", "mpi": f"on {workers} MPI rank{'s' * (workers > 1)}"}
        place = where.get(transport, f"in {workers} process{'es' * (workers > 1)} over {transport}")
        size = f"{len(plan.engines)} engines, {len(plan.links)} links, {format_ns(plan.stop_ns)}"
        self._console.print(f"[bold]{escape(plan.name)}[/bold]: {size} {place}")
        if self._console.is_terminal:
            self._start_bar(plan)

    def _start_bar(self, plan: Plan) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        description, clock, speed, busy = (TextColumn(f"{{task.{name}}}") for name in ("description", *_FIELDS))
        columns = (description, BarColumn(), clock, speed, TimeRemainingColumn(), busy)
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("building", total=plan.stop_ns, time="", speed="", busy="")
        self._progress.start()

    def progressed(self, overview: Overview) -> None:
        now = time.monotonic()
        if self._progress is None or now - self._shown < REFRESH_S:
            return
        self._shown = now
        building = [doing for doing in overview.doing.values() if doing.startswith("building")]
        self._progress.update(
            self._task,
            completed=overview.time_ns,
            description=building[0] if building else "running",
            time=f"{format_ns(overview.time_ns // 1_000_000 * 1_000_000)} of {format_ns(overview.stop_ns)}",
            speed=f"{overview.speed:.3g} x real time" if overview.time_ns else "",
            busy=f"busiest: {overview.bottleneck}" if overview.time_ns else "",
        )

    def told(self, level: str, text: str) -> None:
        if not self._quiet and level != "OUTPUT":
            style = {"WARNING": "yellow", "ERROR": "red"}.get(level, "dim")
            self._console.print(f"[{style}]{escape(text)}[/{style}]")

    def ended(self, overview: Overview) -> None:
        if self._progress is not None:
            self._progress.stop()


def wide_console() -> Console:
    """Standard output; 160 columns where nobody watches, so that a table in a file is not cut to a terminal's width."""
    return Console(width=None if sys.stdout.isatty() else 160)


def print_summary(run: Run) -> None:
    """The tables at the end of a run."""
    console, facts, overview = wide_console(), run.provenance, run.overview
    wall = float(facts["wall_s"])
    speed = f", {facts['simulated_s'] / wall:.3g} x real time" if wall else ""
    name, outcome = escape(str(facts["name"])), facts["outcome"]
    console.print(
        f"[bold]{name}[/bold]  {outcome}: {facts['simulated_s']:.6g} s simulated in {wall:.3g} s{speed}"
        f"  ({facts['transport']}, seed {facts['seed']})"
    )
    table = Table(
        "engine",
        "worker",
        "windows",
        "computing",
        "per window",
        "share of wall time",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for name, windows in sorted(overview.get("windows", {}).items()):
        compute = overview["compute_ns"][name] * 1e-9
        share = f"{100 * compute / wall:.0f} %" if wall else ""
        table.add_row(
            name, str(overview["homes"][name]), str(windows), f"{compute:.3g} s", f"{1e6 * compute / max(windows, 1):.3g} µs", share
        )
    console.print(table)
    links = run.links()
    if links:
        table = Table(
            "link", "frames", "volume", "waited for it", "SHA-256 of its stream", box=None, header_style="bold", pad_edge=False
        )
        for name, link in links.items():
            table.add_row(
                name,
                str(link.frames),
                _size(link.bytes),
                f"{overview.get('waited_ns', {}).get(name, 0) * 1e-9:.3g} s",
                link.sha256[:16] or "not kept",
            )
        console.print(table)
    console.print(f"results: {escape(str(run.file))}")


def print_error(error: BaseException) -> None:
    """A fault, or all faults, on standard error; in colour where there is a terminal."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    faults = error.faults if isinstance(error, ScenarioError) else (error,)
    for fault in faults:
        if not isinstance(fault, CosimError):
            console.print(f"[red]error:[/red] {escape(str(fault))}")
            continue
        place = f"{escape(fault.where)}: " if fault.where else ""
        console.print(f"[red]error:[/red] {place}[bold]{escape(fault.what)}[/bold]")
        for label, text in (("why", fault.why), ("mend", fault.mend)):
            if text:
                console.print(f"  [dim]{label}:[/dim] {escape(text)}")
        if trace := getattr(fault, "traceback", ""):
            console.print(f"[dim]{escape(trace.rstrip())}[/dim]")
    if len(faults) > 1:
        console.print(f"{len(faults)} faults")


def print_claims(claims: list[Any]) -> None:
    """Claim, expected, measured, tolerance, source: the table of ``cosim verify``."""
    table = Table("", "claim", "expected", "measured", "tolerance", "source", box=None, header_style="bold", pad_edge=False)
    for claim in claims:
        unit = f" {claim.unit}" if claim.unit else ""
        mark = "[green]holds[/green]" if claim.holds else "[red]fails[/red]"
        table.add_row(
            mark,
            escape(claim.name),
            f"{claim.expected:.6g}{unit}",
            f"{claim.measured:.6g}{unit}",
            f"{claim.tolerance:.3g}{unit}",
            escape(claim.source),
        )
    wide_console().print(table)


def _size(count: int) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.3g} {unit}"
        count = count / 1000  # type: ignore[assignment]
    return ""
