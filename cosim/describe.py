"""Words about plug-ins, links and machines: what ``describe``, ``explain``, ``list`` and ``doctor`` print."""

from __future__ import annotations

import importlib.util
import inspect
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Hashable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from cosim.scenario import registry
from cosim.scenario.plan import LinkPlan, Plan
from cosim.scenario.proof import worst_need_ns
from cosim.sdk import CosimError, Duration, HasModels, InputFile, Port, Unit, format_ns
from cosim.simulators import everywhere

_SAID = {get_args(Duration)[1]: "time", get_args(InputFile)[1]: "file"}


def first_line(cls: Any) -> str:
    """The first sentence of a class's docstring."""
    return (inspect.getdoc(cls) or "").split("\n")[0]


def find_plugin(name: str, folder: Path) -> tuple[str, Any]:
    """An engine or a translator by name; a CosimError that names both kinds where there is none."""
    for kind in ("engine", "translator"):
        if ":" in name or name in registry.installed(kind):
            try:
                return kind, registry.find(kind, name, folder)
            except CosimError:
                if kind == "translator" or ":" not in name:
                    raise
    known = [*registry.installed("engine"), *registry.installed("translator")]
    from cosim.sdk import did_you_mean

    raise CosimError(f"there is no engine or translator {name!r}", mend=did_you_mean(name, known))


def find_model(name: str, folder: Path) -> str | None:
    """What an engine says of one of its models: ``neural_mass.wong_wang``, ``neural_mass../mine.yaml``; None for other names."""
    engine, _, model = name.partition(".")
    if not model or engine not in registry.installed("engine"):
        return None
    cls = registry.find("engine", engine, folder)
    if not isinstance(cls, HasModels):
        raise CosimError(f"{engine} has no models by name", mend=f"cosim describe {engine}")
    return cls.describe_model(model)


def parameter_rows(
    model: type[BaseModel], prefix: str = "", above: tuple[type[BaseModel], ...] = ()
) -> Iterator[tuple[str, str, str, str, str]]:
    """For each parameter: name, type, unit, default, help; nested parameters with dotted names, each kind once on the way down."""
    for name, field in model.model_fields.items():
        unit = next((m.unit for m in field.metadata if isinstance(m, Unit)), "")
        nested = _nested(field.annotation)
        kind = _type_name(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)
        default = (
            "required"
            if field.is_required()
            else ""
            if field.default is PydanticUndefined or isinstance(field.default, BaseModel)
            else format_ns(field.default)
            if kind.startswith("time") and isinstance(field.default, int)
            else str(field.default)
        )
        yield f"{prefix}{field.alias or name}", kind, unit, default, " ".join((field.description or "").split())
        for inner in nested:
            if inner not in (*above, model):
                yield from parameter_rows(inner, f"{prefix}{name}.", (*above, model))


def _nested(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in get_args(annotation) for m in _nested(argument)]


def _type_name(annotation: Any) -> str:
    """As one would say it: ``time | None``, ``list[float]``, ``'mean' | 'last'``."""
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        said = next((_SAID[mark] for mark in arguments[1:] if isinstance(mark, Hashable) and mark in _SAID), None)
        return said or _type_name(arguments[0])
    if kind in (Union, UnionType, Literal):
        return " | ".join(repr(a) if kind is Literal else _type_name(a) for a in arguments)
    name = "None" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
    return f"{name}[{', '.join('…' if a is ... else _type_name(a) for a in arguments)}]" if arguments else name


def explain_link(plan: Plan, name: str) -> list[str]:
    """What happens to what a link carries, hop by hop, and what its delay buys."""
    link = plan.links[name]
    source, target = plan.engines[link.source], plan.engines[link.target]
    lines = [f"{link.source}.{link.source_port.name} --{name}--> {link.target}.{link.target_port.name}", ""]
    lines.append(f"  says      {_port(link.source_port)}, every {format_ns(source.window_ns)}")
    if link.select is not None:
        lines.append(f"  select    {len(link.select)} of {len(link.source_port.space)} channels")
    if link.interval_ns != source.window_ns:
        lines.append(f"  frames    of {format_ns(link.interval_ns)}")
    for i, stage in enumerate(link.stages):
        side = "source" if i < link.stages_at_source else "target"
        lines.append(f"  {stage.name:<9} at the {side}: {first_line(stage.cls)}")
        lines.append(f"            gives {_port(stage.port)}")
    channels = link.channels
    if channels.operation != "one_to_one" or channels.scale != 1.0 or channels.into is not None:
        scale = f", times {channels.scale:g} ({link.carried.unit} to {link.target_port.unit})" if channels.scale != 1.0 else ""
        lines.append(
            f"  map       {channels.operation.replace('_', ' ')} to {len(channels.rows_filled(channels.width))} "
            f"of {channels.width} channels{scale}"
        )
    lines.append(f"  takes     {_port(target.arriving[link.target_port.name])}, every {format_ns(target.window_ns)}")
    lines += ["", *_timing(plan, link)]
    return lines


def _timing(plan: Plan, link: LinkPlan) -> list[str]:
    source, target = plan.engines[link.source], plan.engines[link.target]
    lead, own = link.source_port.lead_ns, link.delay_ns - link.source_port.lead_ns
    lines = [f"  delay     {format_ns(link.delay_ns)} in all: lead of the port {format_ns(lead)} + link {format_ns(own)}"]
    if link.hold:
        lines.append("  time      held: the last value known at the window's start")
    lookahead = -worst_need_ns({source.name: source.window_ns, target.name: target.window_ns}, link.flow)
    ahead = target.window_ns - lookahead  # where the source must be when a window of the target starts, from that start on
    buys = "the target waits for the source's window of the same time"
    if ahead <= -source.window_ns:
        buys = "both ends can compute at once, and the transfer is hidden"
    elif ahead <= 0:
        buys = "both ends can compute at once"
    lines.append(f"  lookahead {format_ns(max(lookahead, 0))}: {buys}")
    bound = (
        "bounded by the loop it is in"
        if link.name in plan.proof.in_loop
        else f"{format_ns(plan.proof.buffers_ns[link.name])} of source time and some intervals, by credit"
    )
    lines.append(f"  room      {bound}")
    lines.append(f"  before 0  {'the initial value' if link.initial is not None else 'zero, or no spikes'}")
    return lines


def _port(port: Port) -> str:
    step = f", step {format_ns(port.dt_ns)}" if port.kind == "samples" and port.dt_ns else ""
    return port.describe() + step


def machine_report() -> list[tuple[str, str, bool | None]]:
    """What ``cosim doctor`` looks at: name, finding, whether it is well; None for what is not there and need not be."""
    rows: list[tuple[str, str, bool | None]] = [
        ("python", f"{platform.python_version()}  {sys.executable}", sys.version_info >= (3, 11))
    ]
    packages = ("neuro-cosim", "numpy", "numba", "scipy", "h5py", "pyzmq", "networkx", "pydantic")
    rows += [(package, _version(package), _version(package) != "missing") for package in packages]
    rows.append(("cores", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} usable", True))
    rows += [("numba cache", *_numba_cache()), *_mpi_rows()]
    rows += _simulator_rows()
    rows.append(("tvb-data", "found" if importlib.util.find_spec("tvb_data") else "not found (extra: data)", True))
    return rows


def _simulator_rows() -> list[tuple[str, str, bool | None]]:
    """Every simulator that an installed engine wraps: version, what it can do, where it is."""
    rows: list[tuple[str, str, bool | None]] = []
    for found in everywhere():
        engine = found.engine if found.where == "here" else f"{found.engine} ({found.where})"
        can = ", ".join(f"{what}: {how}" for what, how in found.can.items())
        if found.fault:
            rows.append((engine, f"{found.fault}  ({found.place})", False))
        elif found.version:
            rows.append((engine, f"{found.name} {found.version}; {can}  ({found.place})", True))
        else:
            how = found.how or f"pip install 'neuro-cosim[{found.extra}]', or cosim env {found.extra}"
            rows.append((engine, f"{found.name} is not installed: {how}", None))
    return rows


def _numba_cache() -> tuple[str, bool]:
    packages = sorted({point.value.partition(":")[0].partition(".")[0] for point in registry.installed("engine").values()})
    specs = [importlib.util.find_spec(package) for package in packages]
    folders = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin]
    writable = all(os.access(folder, os.W_OK) for folder in folders)
    place = ", ".join(map(str, folders)) if writable else os.environ.get("NUMBA_CACHE_DIR", "your home's cache, as numba chooses")
    return f"compiled kernels are kept beside {place}", True


def _mpi_rows() -> list[tuple[str, str, bool]]:
    if importlib.util.find_spec("mpi4py") is None:
        return [("mpi", "mpi4py is not installed (extra: mpi)", True)]
    mpirun = find_mpirun()
    if mpirun is None:
        return [("mpi", "no mpirun on PATH or beside python", False)]
    program = "from mpi4py import MPI; w = MPI.COMM_WORLD; w.rank or print(w.size, MPI.Get_library_version().splitlines()[0][:60])"
    try:
        answer = subprocess.run(
            [mpirun, "-n", "2", sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return [("mpi", f"{mpirun} starts no ranks within 60 s", False)]
    well = answer.returncode == 0 and answer.stdout.startswith("2 ")
    return [
        ("mpi", f"{mpirun}: {answer.stdout.strip()[2:] if well else answer.stderr.strip()[-200:] or answer.stdout.strip()}", well)
    ]


def find_mpirun() -> str | None:
    """The mpirun beside this Python (from a wheel), or on PATH."""
    beside = Path(sys.executable).parent / "mpirun"
    return str(beside) if beside.exists() else shutil.which("mpirun")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
