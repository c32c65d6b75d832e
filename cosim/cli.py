"""The ``cosim`` command. Everything it does is in ``cosim.api`` and can be had from Python."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Couples brain simulators: one scenario, run anywhere, with the same bits.",
)

ScenarioArg = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="a file, a folder with scenario.yaml, or the name of an installed scenario")
]
RunArg = Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="override a value of the scenario, e.g. engines.brain.params.G=2.1"),
]

DONE, FAILED, WRONG, DIFFERENT, INTERRUPTED = 0, 1, 2, 3, 130


@app.command()
def run(
    scenario: ScenarioArg,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder of the run; runs/<name>/<date-time> unless given")] = None,
    transport: Annotated[str | None, typer.Option(metavar="T", help="auto, inline, zeromq, zeromq-tcp or mpi")] = None,
    processes: Annotated[int | None, typer.Option(metavar="N", min=1, help="worker processes (zeromq)")] = None,
    stop: Annotated[str | None, typer.Option(metavar="TIME", help="simulated time, e.g. '2 s'")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N")] = None,
    realtime: Annotated[float | None, typer.Option(metavar="X", help="pace: simulated time over wall time")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="draw the run when it has ended")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing but errors")] = False,
) -> None:
    """Run a scenario to its end."""
    from cosim.api import run as run_scenario
    from cosim.console import ConsoleListener, print_summary

    settings = list(set_ or [])
    settings += [
        f"{key}={value}"
        for key, value in (("clock.stop", stop), ("clock.seed", seed), ("run.realtime", realtime))
        if value is not None
    ]
    _check_transport(transport)
    result = run_scenario(
        scenario, settings=settings, out=out, transport=transport, processes=processes, listener=ConsoleListener(quiet)
    )
    if result is not None and not quiet:
        print_summary(result)
    if result is not None and plot:
        print(f"picture: {_draw(result, None)}")


@app.command()
def check(
    scenario: ScenarioArg,
    set_: SetOption = None,
    costs: Annotated[
        Path | None,
        typer.Option("--costs", metavar="RUN", help="an earlier run, whose measured costs make a forecast in seconds"),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Validate a scenario, prove that it cannot deadlock, forecast its run. Nothing is built."""
    from cosim.api import check as check_scenario
    from cosim.console import print_error
    from cosim.results import open_run
    from cosim.sdk import ScenarioError

    report = check_scenario(scenario, set_ or [])
    costs_s = open_run(costs).costs_s if costs else None
    if json_:
        print(json.dumps(report.as_dict(costs_s), indent=2))
    elif report.plan is not None:
        _print_plan(report.plan, costs_s)
    else:
        print_error(ScenarioError(report.faults))
    if not report.ok:
        raise typer.Exit(WRONG)


@app.command()
def graph(
    scenario: ScenarioArg,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help=".svg or .png; <name>.svg unless given")] = None,
) -> None:
    """Draw the engines and links of a scenario; loops are coloured."""
    from cosim.api import load
    from cosim.pictures import draw_graph
    from cosim.scenario.planner import plan_all

    plan = plan_all(lambda: load(scenario, set_ or []), check_loops=False)
    print(f"picture: {draw_graph(plan, out or Path(f'{plan.name}.svg'))}")


@app.command()
def explain(scenario: ScenarioArg, link: str, set_: SetOption = None) -> None:
    """Tell what happens to what a link carries, hop by hop, and what its delay buys."""
    from cosim.api import load
    from cosim.describe import explain_link
    from cosim.scenario.planner import plan_all
    from cosim.sdk import CosimError, did_you_mean

    plan = plan_all(lambda: load(scenario, set_ or []))
    if link not in plan.links:
        raise CosimError(f"there is no link {link!r}", mend=did_you_mean(link, list(plan.links)))
    print("\n".join(explain_link(plan, link)))


@app.command()
def info(run: RunArg, json_: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Tell what a run left: how it was made, its streams, its links and their hashes."""
    from cosim.console import print_summary
    from cosim.results import open_run

    result = open_run(run)
    if json_:
        print(json.dumps({"provenance": result.provenance, "streams": result.streams(), "hashes": result.hashes}, indent=2))
        return
    facts = result.provenance
    if facts["outcome"] == "running":
        print(f"{facts['name']}: still running, or ended without a word; what was recorded is readable")
    else:
        print_summary(result)
    for name, kind in result.streams().items():
        size = (
            f"{len(result.spikes(name).times_ms)} spikes"
            if kind == "spikes"
            else f"{' x '.join(map(str, result.samples(name).values.shape))} samples"
        )
        print(f"stream: {name}  {size}")
    print(f"made: {facts['started']} on {facts['host']} by {facts['command_line']}\nversions: {facts['versions']}")


@app.command()
def diff(first: RunArg, second: RunArg) -> None:
    """Compare two runs: the first link, frame and channel that differ. Exit code 3 when any does."""
    from cosim.compare import differences
    from cosim.results import open_run

    run = open_run(first)
    found = differences(run, open_run(second))
    compared = f"{len(run.links())} links" if run.links() else f"{len(run.streams())} recorded streams"
    if not found:
        print(f"equal: all {compared} carry the same bits")
        return
    print(f"differ: {len(found)} of {compared}; the runs part at {found[0].source}")
    print("\n".join(map(str, found)))
    raise typer.Exit(DIFFERENT)


@app.command()
def verify(
    scenario: ScenarioArg,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder of the runs; runs/verify-<name> unless given")] = None,
    transport: Annotated[str | None, typer.Option(metavar="T")] = None,
    if_installed: Annotated[
        bool, typer.Option("--if-installed", help="pass over a scenario that needs a simulator which is not installed")
    ] = False,
) -> None:
    """Run a scenario and hold what it claims: claim, expected, measured, tolerance, source."""
    from cosim.api import find_scenario, load
    from cosim.claims import verify as verify_scenario
    from cosim.console import ConsoleListener, print_claims
    from cosim.scenario.planner import plan_all
    from cosim.simulators import lacking_here

    _check_transport(transport)
    path = find_scenario(scenario)
    if if_installed and (lacking := lacking_here(lambda: plan_all(lambda: load(path)))):
        print(f"passed over: {', '.join(lacking)}")
        return
    claims = list(
        verify_scenario(
            path,
            out
            or Path("runs")
            / f"verify-{path.parent.name}{'' if path.stem == 'scenario' else '-' + path.stem}"
            / time.strftime("%Y-%m-%d_%H-%M-%S"),
            ConsoleListener(),
            transport,
        )
    )
    print_claims(claims)
    failed = sum(not claim.holds for claim in claims)
    print(f"{len(claims) - failed} of {len(claims)} claims hold")
    if failed or not claims:
        raise typer.Exit(FAILED)


@app.command()
def plot(
    run: RunArg,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help=".png or .svg; figure.png in the run's folder unless given")
    ] = None,
    connectivity: Annotated[
        str | None, typer.Option(metavar="STREAM", help="its functional connectivity beside the structural one, such as brain.bold")
    ] = None,
) -> None:
    """Draw a run: the scenario's own figure where it has one, else its streams, matrices of BOLD, and who waited for whom."""
    from cosim.results import open_run

    if connectivity is None:
        print(f"picture: {_draw(open_run(run), out)}")
        return
    from cosim.matrices import draw_connectivity

    print(f"picture: {draw_connectivity(open_run(run), connectivity, out or run / 'connectivity.png')}")


@app.command(name="list")
def list_(what: Annotated[str, typer.Argument(metavar="engines|translators|scenarios")] = "engines") -> None:
    """List what is installed."""
    from rich.markup import escape
    from rich.table import Table

    from cosim.console import wide_console

    table = Table(box=None, show_header=False, pad_edge=False)
    for name, words in _listing(what):
        table.add_row(name, escape(words))
    wide_console().print(table)


@app.command()
def describe(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="an engine, ENGINE.MODEL, a translator, package.module:Class or ./file.py:Class"),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="print the JSON Schema: of a plug-in's parameters, or of the scenario file")
    ] = False,
) -> None:
    """Tell about an engine or a translator: what it does, its parameters, units and ports."""
    from cosim.describe import find_model, find_plugin
    from cosim.scenario.schema import ScenarioFile
    from cosim.sdk import CosimError

    if name is None:
        if not schema:
            raise CosimError("describe what?", mend="name an engine or a translator (cosim list engines), or ask for --schema")
        print(json.dumps(ScenarioFile.model_json_schema(by_alias=True), indent=2))
        return
    told = find_model(name, Path.cwd())
    if told is not None:
        print(told)
        return
    kind, cls = find_plugin(name, Path.cwd())
    if schema:
        print(json.dumps(cls.Params.model_json_schema(), indent=2))
        return
    _print_plugin(name, kind, cls)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(metavar="engine|translator|scenario")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="lower-case, such as my_model")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="folder of the files; one called NAME unless given")] = None,
) -> None:
    """Make a new engine, translator or scenario from a template that works; nothing is overwritten."""
    from cosim.new import make_new, next_steps

    made = make_new(kind, name, out)
    steps = next_steps(kind, name, made[0].parent)
    print("\n".join([*(f"made: {path}" for path in made), "next:", *(f"  {step}" for step in steps)]))


@app.command()
def doctor() -> None:
    """Look at this machine: Python, packages, cores, MPI and whether ranks can start, simulators."""
    from rich.markup import escape
    from rich.table import Table

    from cosim.console import wide_console
    from cosim.describe import machine_report

    rows = machine_report()
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, finding, well in rows:
        mark = "[dim]--[/dim]" if well is None else "[green]ok[/green]" if well else "[red]!![/red]"
        table.add_row(mark, name, escape(finding))
    wide_console().print(table)
    if any(well is False for *_, well in rows):
        raise typer.Exit(FAILED)


@app.command()
def env(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="an extra of cosim, such as nest")] = None,
    with_: Annotated[list[str] | None, typer.Option("--with", metavar="PACKAGE", help="what pip installs besides")] = None,
    python: Annotated[str | None, typer.Option("--python", metavar="PYTHON", help="made with this interpreter")] = None,
) -> None:
    """Make an environment of its own for a simulator; a scenario uses it by python: NAME."""
    from cosim.environments import make_environment
    from cosim.scenario.interpreters import environments, environments_folder

    if name is None:
        for known, path in environments().items():
            print(f"python: {known:<12} {path}")
        if not environments():
            print(f"there are none in {environments_folder()}; cosim env nest makes one with NEST")
        return
    from rich.console import Console

    with Console(stderr=True).status(f"making environment {name}") as status:
        path = make_environment(name, with_ or [], lambda line: status.update(f"environment {name}: {line[:100]}"), python)
    print(f"{path}\n\nin a scenario: engines: {{…: {{use: …, python: {name}}}}}")


# -- what the commands print -------------------------------------------------------------------------------------------


def _check_transport(transport: str | None) -> None:
    from cosim.sdk import CosimError, did_you_mean

    known = ["auto", "inline", "zeromq", "zeromq-tcp", "mpi"]
    if transport is not None and transport not in known:
        raise CosimError(f"there is no transport {transport!r}", mend=did_you_mean(transport, known))


def _draw(result: Any, out: Path | None) -> Path:
    from cosim.pictures import draw_run

    return draw_run(result, out or result.folder / "figure.png")


def _print_plan(plan: Any, costs_s: dict[str, float] | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from cosim.console import wide_console
    from cosim.scenario.forecast import forecast
    from cosim.sdk import format_ns
    from cosim.simulators import missing, not_there

    console, expected = wide_console(), forecast(plan, costs_s)
    for name, fault in not_there(plan).items():
        console.print(f"[yellow]{name}: {escape(fault.what)}[/yellow]: {escape(fault.mend)}")
    for name, simulator in missing(plan).items():
        console.print(
            f"[yellow]{name} needs {simulator.name}, which is not installed here[/yellow]: {escape(simulator.how_to_get())}"
        )
    console.print(f"[bold]{plan.name}[/bold]  {escape(plan.scenario.file.about.description)}".rstrip(), soft_wrap=True)
    table = Table("engine", "use", "window", "windows", "ports in", "ports out", box=None, header_style="bold", pad_edge=False)
    for name, engine in plan.engines.items():
        ins, outs = ", ".join(engine.arriving) or "-", ", ".join(engine.outputs)
        table.add_row(
            name, plan.scenario.file.engines[name].use, format_ns(engine.window_ns), str(expected.windows[name]), ins, outs
        )
    console.print(table)
    if plan.links:
        table = Table("link", "from", "to", "via", "delay", "interval", box=None, header_style="bold", pad_edge=False)
        for name, link in plan.links.items():
            via = " > ".join(stage.name for stage in link.stages) or "-"
            delay = format_ns(link.delay_ns) + (" (hold)" if link.hold else "")
            table.add_row(
                name,
                f"{link.source}.{link.source_port.name}",
                f"{link.target}.{link.target_port.name}",
                via,
                delay,
                format_ns(link.interval_ns),
            )
        console.print(table)
    console.print(
        f"[green]cannot deadlock[/green] (by {plan.proof.method}; {len(plan.proof.in_loop)} of {len(plan.links)} links in loops)"
    )
    gain = f"a process for each engine is at best {expected.speed_up:.3g} x as fast as one process"
    waits = f"waits run along {' > '.join(expected.critical)}" if len(expected.critical) > 1 else "nothing waits"
    console.print(f"forecast: {gain}; {waits}", soft_wrap=True)
    if costs_s:
        spent = f"{expected.one_process:.3g} s in one process, {expected.one_each:.3g} s with a process for each engine"
        console.print(f"forecast of the engines' own time: {spent}; {expected.bottleneck} computes longest", soft_wrap=True)


def _listing(what: str) -> list[tuple[str, str]]:
    from cosim.api import installed_scenarios
    from cosim.describe import first_line
    from cosim.scenario import registry
    from cosim.sdk import CosimError, did_you_mean

    if what == "scenarios":
        from cosim.scenario.reader import read_file

        return [
            (name, read_file(path).data.get("about", {}).get("description", "")) for name, path in installed_scenarios().items()
        ]
    if what not in ("engines", "translators"):
        raise CosimError(f"there is no list of {what!r}", mend=did_you_mean(what, ["engines", "translators", "scenarios"]))
    kind: Any = what.removesuffix("s")
    return [(name, first_line(registry.find(kind, name, Path.cwd()))) for name in registry.installed(kind)]


def _print_plugin(name: str, kind: str, cls: Any) -> None:
    import inspect

    from rich.markup import escape
    from rich.table import Table

    from cosim.console import wide_console
    from cosim.describe import parameter_rows
    from cosim.sdk import HasModels

    console = wide_console()
    print(f"{name}  ({kind}, {cls.__module__}:{cls.__qualname__})\n\n{inspect.getdoc(cls) or ''}\n")
    table = Table("parameter", "type", "unit", "default", "", box=None, header_style="bold", pad_edge=False)
    for row in parameter_rows(cls.Params):
        table.add_row(*map(escape, row))
    console.print(table)
    if kind == "engine":
        _print_ports(cls)
    if isinstance(cls, HasModels):
        print(f"\nmodels (cosim describe {name}.MODEL)")
        models = cls.models()
        width = max([22, *map(len, models)]) + 2
        for model, title in models.items():
            print(f"  {model:<{width}}{title}")


def _print_ports(cls: Any) -> None:
    from pydantic import ValidationError

    from cosim.sdk import CosimError

    try:
        ports = cls.ports(cls.Params())
    except (ValidationError, CosimError):
        print("\nports: they depend on parameters that have no default")
        return
    print("\nports with the default parameters")
    for port in ports:
        print(f"  {port.direction:<4}{port.name:<14}{port.describe()}")


def main() -> None:
    """Entry point: errors become messages and exit codes."""
    signal.signal(signal.SIGTERM, _interrupt)  # what a batch system sends first: stop in order, as for Ctrl-C
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else DONE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sys.exit(_explain_exit(error))


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _explain_exit(error: Exception) -> int:
    from cosim.runtime.recorder import ABANDONED
    from cosim.runtime.transports.mpi import launched_rank
    from cosim.sdk import CosimError

    speaks = launched_rank() in (None, 0)  # of many ranks, one
    show = getattr(error, "show", None)
    if show is not None:  # a slip on the command line: click knows how to say it
        if speaks:
            show()
        return int(getattr(error, "exit_code", WRONG))
    if type(error).__name__ == "Abort":
        return INTERRUPTED
    if not isinstance(error, CosimError):
        raise error
    from cosim.console import print_error
    from cosim.runtime.launcher import RunFailed

    if speaks or "MPI" in error.what:  # without MPI, nobody else can say it
        print_error(error)
    if isinstance(error, RunFailed):
        if speaks:
            print(f"recorded so far: {error.folder / 'run.h5'}", file=sys.stderr)
        if ABANDONED:  # HDF5 would try the full disk once more on the way out, and crash
            sys.stderr.flush()
            sys.stdout.flush()
            os._exit(FAILED)
        return FAILED
    return WRONG


if __name__ == "__main__":
    main()
