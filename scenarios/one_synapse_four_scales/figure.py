"""Four scales: transmitter in the cleft, receptors, the cell, the potential outside and what it does to a neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.results import Run, SampledSignal
from cosim.sdk.loading import load_file
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.morphology.drawing import draw
from scenarios.drawing import BLUE, INK, LIGHT, PALE, RED, plain, title

HERE = Path(__file__).resolve().parent
theory = load_file(HERE / "theory.py", "theory.py")
lines = load_file(HERE.parent / "dendrite" / "theory.py", "theory.py")

Floats = NDArray[np.float64]
FINE, LABEL = 8, 9
SPIKE_MS, SHOWN_US = 2.0, (5, 10, 30)
"""When the vesicle opens, and how long after it the cleft is shown."""
COLOURS = {"ampa": RED, "nmda": BLUE}
BESIDE_UM, GRID = 70.0, 71
"""How far around the spine the potential is shown, at how many points each way."""


def figure(run: Run) -> Any:
    """A matplotlib Figure, drawn from the streams that scenario.yaml, or a variant, records."""
    from matplotlib.figure import Figure

    if "lfp" not in run.streams():
        return by_chance(run)
    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    drawn = Figure((12, 8.6), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.05, wspace=0.03)
    (cleft, receptors), (cell, outside) = drawn.subfigures(2, 2, width_ratios=(1.1, 1))
    _cleft(cleft, run, plan.engines["cleft"].params)
    _receptors(receptors, run, plan.engines["cleft"].params.models)
    _cell(cell, run, plan.engines["dendrite"].params.populations["cell"])
    _outside(outside, run, plan)
    return plain(drawn, FINE)


# -- a: the cleft --------------------------------------------------------------------------------------------------------------


def _cleft(part: Any, run: Run, params: Any) -> None:
    field = run.samples("cleft.field")
    rows = part.add_gridspec(2, 6, height_ratios=(1, 1.15))
    maps = [part.add_subplot(rows[0, 2 * k : 2 * k + 2]) for k in range(len(SHOWN_US))]
    _maps(part, maps, field, params)
    _profiles(part.add_subplot(rows[1, :3]), field, params)
    _course(part.add_subplot(rows[1, 3:]), run, params)
    part.suptitle(r"$\bf{a}$  3000 molecules in a cleft 20 nm high, and how long they last", fontsize=9.5, x=0.02, ha="left")


def _maps(part: Any, axes: list[Any], field: SampledSignal, params: Any) -> None:
    from matplotlib.colors import LogNorm

    place, spacing = field.positions_um, params.space.disc.spacing
    assert place is not None
    column, row = (np.rint((place[:, k] - place[:, k].min()) / spacing).astype(int) for k in (0, 1))
    edges = [
        1e3 * (np.arange(which.max() + 2) * spacing + place[:, k].min() - spacing / 2) for k, which in enumerate((column, row))
    ]
    for ax, after in zip(axes, SHOWN_US, strict=True):
        shown = np.full((row.max() + 1, column.max() + 1), np.nan)
        shown[row, column] = field.values[_row(field, after)]
        image = ax.pcolormesh(*edges, shown, cmap="magma_r", norm=LogNorm(0.1, 20), rasterized=True)
        _circle(ax, 1e3 * params.regions["psd"].ball.radius)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_title(f"{after} µs", fontsize=FINE)
    axes[0].plot([-250, -150], [-250, -250], color=INK, lw=1.5)
    axes[0].text(-200, -262, "100 nm", ha="center", va="top", fontsize=FINE, color=INK)
    bar = part.colorbar(image, ax=axes, shrink=0.9, aspect=12, pad=0.02)
    bar.set_label("mM", fontsize=LABEL)
    bar.outline.set_visible(False)


def _row(signal: SampledSignal, after_us: float) -> int:
    return min(int(np.searchsorted(signal.times_ms, SPIKE_MS + 1e-3 * after_us - 1e-9)), len(signal.times_ms) - 1)


def _circle(ax: Any, radius: float) -> None:
    """Where the receptors are."""
    around = np.linspace(0, 2 * np.pi, 100)
    ax.plot(radius * np.cos(around), radius * np.sin(around), color=INK, lw=0.8, ls="--")


def _profiles(ax: Any, field: SampledSignal, params: Any) -> None:
    """From the middle outwards, beside a plane without a rim."""
    place, disc = field.positions_um, params.space.disc
    assert place is not None
    outwards = np.flatnonzero((np.abs(place[:, 1]) < disc.spacing / 2) & (place[:, 0] > -disc.spacing / 2))
    r = np.linspace(0, disc.radius, 100)
    molecules, diffusion = params.release["vesicle"].molecules, params.species["glutamate"].diffusion
    for after, colour in zip(SHOWN_US, (RED, "#e0a030", BLUE), strict=True):
        ax.semilogy(1e3 * r, theory.spread_mm(r, 1e-3 * after, molecules, diffusion, disc.height), color=colour, lw=0.9)
        ax.semilogy(1e3 * place[outwards, 0], field.values[_row(field, after), outwards], "o", color=colour, ms=2.4)
    ax.plot([], [], color=INK, lw=0.9, label="a plane without rim")
    ax.set(ylim=(0.02, 30))
    ax.set_xlabel("from the middle (nm)", fontsize=LABEL)
    ax.set_ylabel("glutamate (mM)", fontsize=LABEL)
    ax.legend(fontsize=FINE, frameon=False, loc="lower left", handlelength=1.2)


def _course(ax: Any, run: Run, params: Any) -> None:
    near, glutamate = run.samples("cleft.near"), params.species["glutamate"]
    disc = params.space.disc
    tau = theory.clearance_ms(glutamate.diffusion, disc.radius, disc.rim, glutamate.uptake)
    after = near.times_ms - SPIKE_MS
    shown = (after > 0) & (after < 6)
    ax.semilogy(after[shown], near.values[shown, 0], color=RED, lw=1.3, label="at the receptors")
    t = np.linspace(0.2, 6, 50)
    at = float(np.interp(1.0, after, near.values[:, 0]))
    ax.semilogy(t, at * np.exp(-(t - 1.0) / tau), color=INK, lw=0.9, ls=":", label=f"$\\tau$ = {tau:.2f} ms")
    ax.set(ylim=(0.005, 5))
    ax.set_xlabel("after release (ms)", fontsize=LABEL)
    ax.legend(fontsize=FINE, frameon=False, handlelength=1.4)


# -- b: receptors --------------------------------------------------------------------------------------------------------------


def _receptors(part: Any, run: Run, models: Any) -> None:
    above, middle, below = part.subplots(3, 1, sharex=True)
    for name, colour in COLOURS.items():
        opened = run.samples(f"cleft.{name}_open")
        above.plot(opened.times_ms, opened.values[:, 0], color=colour, lw=1.2, label=name.upper())
    for ax, (name, colour) in zip((middle, below), COLOURS.items(), strict=True):
        conductance = run.samples(f"cleft.{name}")
        ax.plot(conductance.times_ms, conductance.values[:, 0], color=colour, lw=1.2)
        ax.set_ylabel(f"{name.upper()} (pS)", fontsize=LABEL)
    rest = float(run.samples("dendrite.head").values[0, 0])
    at_rest = 50.0 * models["nmda"].count * opened.values[:, 0] / (1 + np.exp(-0.062 * rest) / 3.57)
    below.plot(opened.times_ms, at_rest, color=PALE, lw=1.2, label=f"if the potential stayed at {rest:.0f} mV".replace("-", "−"))
    for ax in (above, below):
        ax.legend(fontsize=FINE, frameon=False, ncols=2, loc="upper right")
    above.set_ylabel("open fraction", fontsize=LABEL)
    below.set(ylim=(0, 1.35 * below.get_ylim()[1]))
    below.set_xlabel("time (ms)", fontsize=LABEL)
    below.set_xlim(0, opened.times_ms[-1])
    title(above, "b", "80 AMPA and 20 NMDA receptors, and their conductance")


# -- c: the cell ---------------------------------------------------------------------------------------------------------------


def _cell(part: Any, run: Run, population: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    tree, traces = part.subplots(1, 2, width_ratios=(1, 1.4))
    anatomy, v, head = anatomy_of(population.cell), run.samples("dendrite.v"), run.samples("dendrite.head")
    compartments, has_membrane = anatomy.compartments, anatomy.regions.has_membrane
    highest = np.full(compartments.count, np.nan)
    highest[has_membrane] = v.values.max(axis=0)
    colours = LinearSegmentedColormap.from_list("warm", [BLUE, "#8fa9bf", LIGHT, RED])
    rest = float(v.values[0, 0])
    shown = draw(tree, compartments, highest, cmap=colours, clim=(rest, head.values.max()), linewidths=1.4)
    assert head.positions_um is not None
    place = head.positions_um[0]
    courses = {"where the synapse is": head.values[:, 0], **_dendrite(anatomy, v), "soma": v.values[:, 0]}
    for (name, course), colour in zip(courses.items(), (RED, *["#e0a030"] * (len(courses) - 2), INK), strict=True):
        traces.plot(v.times_ms, course, color=colour, lw=1.2, label=name)
    tree.annotate("synapse", place[:2], (place[0] + 30, place[1] - 70), fontsize=FINE, arrowprops={"arrowstyle": "-", "lw": 0.6})
    tree.set_aspect("equal")
    tree.set_axis_off()
    bar = part.colorbar(shown, ax=tree, orientation="horizontal", shrink=0.8, aspect=25, pad=0.02)
    bar.set_label("highest potential (mV)", fontsize=LABEL)
    bar.outline.set_visible(False)
    traces.set_xlabel("time (ms)", fontsize=LABEL)
    traces.set_ylabel("potential (mV)", fontsize=LABEL)
    traces.set_xlim(0, v.times_ms[-1])
    traces.legend(fontsize=FINE, frameon=False, loc="upper right")
    part.suptitle(r"$\bf{c}$  What the conductances make of the cell", fontsize=9.5, x=0.02, ha="left")


def _dendrite(anatomy: Any, v: SampledSignal) -> dict[str, Floats]:
    """The course under the spine, where there is one."""
    sections = [section.name for section in anatomy.regions.morphology.sections]
    if "neck" not in sections:
        return {}
    compartments, has_membrane = anatomy.compartments, anatomy.regions.has_membrane
    neck, branch = (compartments.section == sections.index(name) for name in ("neck", _parent(anatomy, "neck")))
    foot = compartments.start[np.flatnonzero(neck & has_membrane)[0]]
    away = np.where(branch & has_membrane, np.linalg.norm(compartments.middle - foot, axis=1), np.inf)
    return {"dendrite under it": v.values[:, np.cumsum(has_membrane)[np.argmin(away)] - 1]}


def _parent(anatomy: Any, name: str) -> str:
    """The section that a section leaves."""
    sections = anatomy.regions.morphology.sections
    return str(sections[next(section.parent for section in sections if section.name == name)].name)


# -- d: outside ----------------------------------------------------------------------------------------------------------------


def _outside(part: Any, run: Run, plan: Any) -> None:
    field, along = part.subplots(1, 2, width_ratios=(1.25, 1))
    membrane, v = run.samples("dendrite.membrane"), run.samples("neighbour.v")
    row = int(np.argmax(np.abs(membrane.values).max(axis=1)))
    _map(field, membrane.values[row], plan, part)
    field.set_title(f"at {membrane.times_ms[row]:.2f} ms", fontsize=FINE)
    _polarised(along, run, v, row)
    part.suptitle(
        r"$\bf{d}$  The potential outside, and what it does to a dendrite that passes by", fontsize=9.5, x=0.02, ha="left"
    )


def _map(ax: Any, currents: Floats, plan: Any, part: Any) -> None:
    from matplotlib.colors import SymLogNorm

    pieces = plan.engines["dendrite"].outputs["membrane"].space.segments
    cable = plan.engines["neighbour"].outputs["v"].space.segments
    contacts = plan.engines["probe"].params.places
    spine = pieces.middles[np.argmax(np.abs(currents))]
    plane = cable.start[0, 2]
    x, y = (spine[k] + np.linspace(-BESIDE_UM, BESIDE_UM, GRID) for k in (0, 1))
    points = np.stack([*np.meshgrid(x, y), np.full((GRID, GRID), plane)], axis=-1).reshape(-1, 3)
    potential = lines.field_of_lines(currents, pieces, points, 0.3).reshape(GRID, GRID)
    most = float(np.abs(potential).max())  # sources are fainter than the sink: their colours are stretched
    image = ax.imshow(
        potential,
        extent=(x[0], x[-1], y[0], y[-1]),
        origin="lower",
        cmap="RdBu_r",
        norm=SymLogNorm(linthresh=most / 30, vmin=-most, vmax=most),
        interpolation="bilinear",
        aspect="equal",
    )
    for start, stop in zip(pieces.start, pieces.stop, strict=True):
        ax.plot([start[0], stop[0]], [start[1], stop[1]], color=INK, lw=1.2)
    ax.plot([cable.start[0, 0]] * 2, [cable.start[0, 1], cable.stop[-1, 1]], color="#2e8b57", lw=1.6)
    beside = 4.0 if contacts[0, 0] == cable.start[0, 0] else 0.0  # contacts above the neighbour would hide it
    ax.plot(contacts[:, 0] + beside, contacts[:, 1], "s", color=INK, ms=2.2)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    ax.set_xlabel("x (µm)", fontsize=LABEL)
    ax.set_ylabel("y (µm)", fontsize=LABEL)
    bar = part.colorbar(image, ax=ax, orientation="horizontal", shrink=0.8, aspect=25, pad=0.02)
    bar.set_ticks([-0.2, 0, 0.2], labels=["−0.2", "0", "0.2"])
    bar.minorticks_off()
    bar.set_label(f"potential at z = {plane:g} µm (µV)", fontsize=LABEL)
    bar.outline.set_visible(False)


def _polarised(ax: Any, run: Run, v: SampledSignal, row: int) -> None:
    lfp = run.samples("lfp")
    assert v.positions_um is not None
    assert lfp.positions_um is not None
    ax.axvline(0, color=PALE, lw=0.8)
    ax.plot(1e6 * (v.values[row] + 70), v.positions_um[:, 1], color="#2e8b57", lw=1.4, label="neighbour's potential")
    ax.plot(1e3 * lfp.values[row], lfp.positions_um[:, 1], "s-", color=INK, ms=2.4, lw=0.8, label="LFP at the contacts")
    ax.set_ylabel("y (µm)", fontsize=LABEL)
    ax.set_xlabel("nV", fontsize=LABEL)
    ax.set_ylim(-170, 560)
    ax.legend(fontsize=FINE, frameon=False, loc="upper left", handlelength=1.2)


# -- the variant of chance -----------------------------------------------------------------------------------------------------


def by_chance(run: Run) -> Any:
    """Replicas of the synapse: open receptors, their variance, spines, and how large a response is."""
    from matplotlib.figure import Figure

    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    count = {name: model.count for name, model in plan.engines["cleft"].params.models.items()}["ampa"]
    drawn = Figure((11, 6.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    axes = drawn.subplots(2, 2)
    opened, head, soma = (run.samples(name) for name in ("cleft.ampa_open", "dendrite.head", "dendrite.soma"))
    _replicas(axes[0, 0], opened, "open AMPA receptors")
    title(axes[0, 0], "a", f"{opened.values.shape[1]} replicas of one synapse, and their mean")
    mean, variance = (
        opened.values.mean(axis=1),
        opened.values.var(axis=1, ddof=1) if opened.values.shape[1] > 1 else 0 * opened.times_ms,
    )
    axes[0, 1].plot(mean, variance, ".", color=RED, ms=2.5)
    n = np.linspace(0, count, 100)
    axes[0, 1].plot(n, n * (1 - n / count), color=INK, lw=1.0, label=r"$N p\,(1-p)$")
    axes[0, 1].set_xlabel("mean of open receptors", fontsize=LABEL)
    axes[0, 1].set_ylabel("variance", fontsize=LABEL)
    axes[0, 1].legend(fontsize=FINE, frameon=False)
    title(axes[0, 1], "b", "Each opens by itself")
    _replicas(axes[1, 0], head, "spine (mV)")
    title(axes[1, 0], "c", "What their spines make of it")
    for signal, colour, name in ((head, RED, "spine"), (soma, INK, "soma")):
        peak = signal.values.max(axis=0) - signal.values[0]
        spread = peak.std() / peak.mean() if peak.mean() > 0 else 0.0
        axes[1, 1].hist(
            peak / max(peak.mean(), 1e-12),
            bins=np.linspace(0.6, 1.4, 33),
            histtype="step",
            color=colour,
            lw=1.3,
            label=f"{name}: {peak.mean():.2f} mV, {100 * spread:.1f} %",
        )
    axes[1, 1].set_xlabel("peak of the response over its mean", fontsize=LABEL)
    axes[1, 1].set_ylabel("replicas", fontsize=LABEL)
    axes[1, 1].legend(fontsize=FINE, frameon=False)
    title(axes[1, 1], "d", "How much responses differ")
    return plain(drawn, FINE)


def _replicas(ax: Any, signal: SampledSignal, name: str) -> None:
    ax.plot(signal.times_ms, signal.values[:, :20], color=PALE, lw=0.5)
    ax.plot(signal.times_ms, signal.values.mean(axis=1), color=RED, lw=1.6)
    ax.set_xlabel("time (ms)", fontsize=LABEL)
    ax.set_ylabel(name, fontsize=LABEL)
    ax.set_xlim(0, signal.times_ms[-1])
