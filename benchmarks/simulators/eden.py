"""EDEN: ten Izhikevich cells in NeuroML; a spike comes in every window, spikes go out."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import CELLS, MS, Course, spike_of, spikes_told, timed
from engines.eden import Eden
from engines.eden.process import find_program, provide_gcc

ENGINE, NAME = Eden, "EDEN, 10 cells"
PROGRAMS = ("gcc",)
DT_NS, WEIGHT = 25_000, 8

CELL = """
    <izhikevich2007Cell id="regular" v0="-60mV" C="100pF" k="0.7nS_per_mV" vr="-60mV" vt="-40mV" vpeak="35mV"
        a="0.03per_ms" b="-2nS" c="-50mV" d="100pA"/>
    <expTwoSynapse id="ampa" gbase="4nS" erev="0mV" tauRise="0.5ms" tauDecay="3ms"/>"""
MODEL = f"""<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="cells">{CELL}
    <network id="network"><population id="cells" component="regular" size="{CELLS}"/></network>
</neuroml>"""


def params(folder: Path) -> dict[str, Any]:
    (folder / "cells.nml").write_text(MODEL)
    return {
        "model": folder / "cells.nml",
        "dt": f"{DT_NS} ns",
        "inputs": {"kicks": {"kind": "spikes", "to": "cells", "synapse": "ampa", "weight": WEIGHT}},
        "outputs": {"spikes": {"kind": "spikes"}},
    }


def bare(windows: int) -> Course:
    """EDEN by itself, with readers and writers that are named pipes; it waits where a reader has no frame for the next step."""
    names = ("kicks", "spikes", "beat")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in names:
            os.mkfifo(folder / name)
        kicks, spikes, beat = (os.open(folder / name, os.O_RDWR) for name in names)
        (folder / "model.nml").write_text(_whole())
        provide_gcc(folder)  # EDEN 0.2.3 needs one that links its code without the system's library
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        command = [find_program(lambda: None), "nml", "model.nml", "gcc"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(beat, process)
            if select.select([spikes], [], [], 0)[0]:
                os.read(spikes, 1 << 16)  # what is told of time 0
            stamps_ns, told = timed(lambda window: _window(window, kicks, spikes, beat, process), windows)
        finally:
            process.kill()
            process.wait()
            for end in (kicks, spikes, beat):
                os.close(end)
    times_s, channels = zip(*(pair for pairs in told for pair in pairs), strict=True)
    return Course(stamps_ns, spikes_told(windows, np.rint(np.array(times_s) * 1e9 / DT_NS) * DT_NS, channels))


def _window(window: int, kicks: int, spikes: int, beat: int, process: Any) -> list[tuple[float, int]]:
    """A frame acts in the step in whose middle it stands; one a quarter later lets EDEN go to the window's end."""
    time_ns, channel = spike_of(window)
    stop_ns = (window + 1) * MS
    os.write(kicks, f"{(time_ns - DT_NS / 2) / 1e9!r} {channel}\n{(stop_ns - 0.75 * DT_NS) / 1e9!r}\n".encode())
    _await(beat, process)
    if not select.select([spikes], [], [], 0)[0]:
        return []
    lines = [line.split() for line in os.read(spikes, 1 << 16).splitlines()]
    return [(float(time_s), int(cell)) for time_s, *cells in lines for cell in cells]


def _await(beat: int, process: Any) -> None:
    """Until EDEN has said that the window is done: its last writer writes a line a window, in pieces."""
    said = b""
    while not said.endswith(b"\n"):
        if select.select([beat], [], [], 5.0)[0]:
            said += os.read(beat, 1 << 16)
        elif process.poll() is not None:
            raise RuntimeError(f"EDEN ended with {process.returncode}")


def _whole() -> str:
    """The network with its reader, its writers and a simulation, as EDEN's users write it."""
    ends = "".join(f'<connectionWD id="{i}" preCellId="{i}" postCellId="{i}" weight="{WEIGHT}" delay="0ms"/>' for i in range(CELLS))
    events = "".join(f'<EventSelection id="{i}" select="cells[{i}]" eventPort="spike"/>' for i in range(CELLS))
    every = (MS - DT_NS / 2) / MS
    return f"""<neuroml id="cells"><Include file="Cells.xml"/><Include file="Networks.xml"/><Include file="Simulation.xml"/>{CELL}
    <network id="network"><population id="cells" component="regular" size="{CELLS}"/>
        <EdenEventSetReader id="kicks" href="kicks" format="ascii_v0" instances="{CELLS}"><Port id="spike"/></EdenEventSetReader>
        <projection id="from_kicks" presynapticPopulation="kicks" postsynapticPopulation="cells" synapse="ampa">{ends}</projection>
    </network>
    <Simulation id="run" length="1e12ms" step="{DT_NS / MS}ms" target="network">
        <EdenEventOutputFile id="s" href="spikes" format="ascii_v0">{events}</EdenEventOutputFile>
        <EdenEventOutputFile id="b" href="beat" format="ascii_v0" maximum_interval="{every}ms"></EdenEventOutputFile>
    </Simulation>
    <Target component="run"/></neuroml>"""
