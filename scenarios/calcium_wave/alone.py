"""The dendrite in NEURON's rxd, from the parameters of the scenario, by the simulator's own means.

    python alone.py RUN OUT.npz      ca (times, places) µM every 50 ms; branch, at (places,) name and µM from its start

The equations are written down here as the paper has them; NEURON cuts the branches, and steps by CVODE.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import cosim
from engines.equations.quantities import number

EVERY_MS, PIECE_UM = 50.0, 0.5


def main(folder: Path, out: Path) -> None:
    from neuron import h, rxd

    plan = cosim.check(folder / "scenario.yaml").plan
    assert plan is not None
    params, player = plan.engines["dendrite"].params, plan.engines["synapse"].params
    h.load_file("stdrun.hoc")
    sections = branches(h, params.space.dendrite.morphology.branches)
    store, dye = params.models["store"], params.models["indicator"]
    own = {name: number(value, store.description.parameters[name].unit) for name, value in store.parameters.items()}
    p = {name: item.default for name, item in store.description.parameters.items()} | own
    k_on, k_off = (number(dye.parameters[name], unit) for name, unit in (("k_on", "1/(uM*s)"), ("k_off", "1/s")))
    start = {name: number(item.initial, "uM") for name, item in params.species.items()}
    inside = rxd.Region(list(sections.values()), nrn_region="i", name="inside")
    # µM and ms
    spread = {name: item.diffusion for name, item in params.species.items()}  # µm²/ms
    made = {name: rxd.Species(inside, name=name, d=spread[name], initial=start[name]) for name in ("Ca", "dye", "CaDye")}
    stored = rxd.Species(inside, name="stored", d=0, initial=number(store.initial["store"], "uM"))
    gate = rxd.State(inside, name="gate", initial=number(store.initial["h"], "1"))
    ca, ip3 = made["Ca"], start["IP3"]
    q = p["d_2"] * (ip3 + p["d_1"]) / (ip3 + p["d_3"])
    open_ = (ip3 / (ip3 + p["d_1"]) * ca / (ca + p["d_5"]) * gate) ** 3
    release = ((p["v_1"] * open_ + p["v_2"]) * (stored - p["c_1"] * ca) - p["v_3"] * ca**2 / (p["k_3"] ** 2 + ca**2)) / 1e3
    binding = (k_on * ca * made["dye"] - k_off * made["CaDye"]) / 1e3
    kept: list[Any] = []  # they last as long as somebody knows them
    kept += [
        rxd.Rate(ca, release - binding),
        rxd.Rate(stored, -1 * release),
        rxd.Rate(gate, p["a_2"] * (q * (1 - gate) - ca * gate) / 1e3),
        rxd.Rate(made["dye"], -1 * binding),
        rxd.Rate(made["CaDye"], binding),
    ]
    solver = h.CVode()
    solver.active(True)
    solver.atol(1e-6)
    solver.rtol(1e-6)
    solver.maxstep(EVERY_MS)
    tip = [node for node in ca.nodes if node.segment.sec.name() == "upper" and node.segment.x * node.segment.sec.L > 55]
    volume, per_pa = sum(node.volume for node in tip), -1e-12 / (2 * 1.602176634e-19) / 1e3 * 1e3  # molecules/ms; µM as mM
    flux = h.Vector([0.0] * len(tip))
    for k, node in enumerate(tip):
        node.include_flux(flux._ref_x[k], units="molecule/ms")
    h.finitialize(-65)
    rows = []
    step = player.dt / 1e6
    stop = plan.stop_ns / 1e6
    currents = [row[0] for row in player.values]
    now = 0.0
    while now < stop - 1e-9:
        k = round(now / step)
        if now % step == 0:
            current = currents[k] if k < len(currents) else 0.0
            for j, node in enumerate(tip):
                flux.x[j] = per_pa * current * node.volume / volume
            solver.re_init()
        now += EVERY_MS
        solver.solve(now)
        rows.append(np.array(ca.nodes.value))
    names = [node.segment.sec.name() for node in ca.nodes]
    at = [node.segment.x * node.segment.sec.L for node in ca.nodes]
    np.savez(out, times_s=np.arange(1, len(rows) + 1) * EVERY_MS / 1e3, ca=np.array(rows), branch=names, at=at)


def branches(h: Any, given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, branch in given.items():
        section = found[name] = h.Section(name=name)
        section.pt3dclear()
        for point, diameter in zip(branch.points, branch.diameters_at(np.array(branch.points)), strict=True):
            section.pt3dadd(*point, float(diameter))
        section.nseg = max(1, round(section.L / PIECE_UM))
        if branch.parent is not None:
            section.connect(found[branch.parent](branch.at), 0)
    return found


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
