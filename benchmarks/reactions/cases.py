"""What is run, for our engine; ``in_steps.py`` and ``in_neuron.py`` say the same to the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.reaction_diffusion.params import ReactionsAndDiffusion

HERE = Path(__file__).parent
MOLECULES, RECEPTORS = 4000, 80
NM = 1e-3
"""um"""
AVOGADRO_PER_MM_UM3 = 602_214.076
"""Molecules in 1 um³ of 1 mM."""
CABLE = {"length": 20.0, "diameter": 1.0}
TREE: dict[str, dict[str, Any]] = {
    "trunk": {"length": 10.0, "diameter": [3.0, 1.5]},
    "left": {"length": 8.0, "diameter": [1.2, 0.6], "parent": "trunk"},
    "right": {"length": 12.0, "diameter": 0.9, "parent": "trunk"},
}
BLOCK, FRACTION = (8.0, 10.0, 11.0), 0.2
RECEPTORS_MM = 0.02
STATES = ("C0", "C1", "C2", "O", "D1", "D2", "D3")
JONAS = (
    ("C0", "C1", 4.59, 4.26), ("C1", "C2", 28.4, 3.26), ("D1", "D2", 1.27, 45.7e-3),
    ("C2", "O", 4.24, 0.9), ("C1", "D1", 2.89, 39.2e-3), ("C2", "D2", 0.172, 0.727e-3), ("O", "D3", 17.7e-3, 4e-3),
    ("D2", "D3", 16.8e-3, 190.4e-3),
)  # fmt: skip
"""The first three bind; 1/(mM ms) and 1/ms (Jonas, Major and Sakmann 1993)."""


def params(name: str, *arguments: Any, **given: Any) -> ReactionsAndDiffusion:
    """Of a case; what is given replaces what it says."""
    case: dict[str, Any] = CASES[name](*arguments)
    return ReactionsAndDiffusion.model_validate({**case, **given}, context={"folder": HERE})


def birth_death() -> dict[str, Any]:
    return {
        "dt": "1 s", "solver": "stochastic", "space": {"well_mixed": {"volume": 1.0}},
        "models": {"it": {"model": "birth_death"}}, "record": {"told": {"value": "it.X", "every": "50 s"}},
    }  # fmt: skip


def well_mixed(scale: int = 1) -> dict[str, Any]:
    """Glutamate and receptors in the cleft's volume, or in ``scale`` times as much of everything."""
    record = {"free": {"value": "glutamate", "over": "mean", "every": "1 ms"}} | _states("1 ms")
    return {
        "dt": "1 ms", "solver": "stochastic", "space": {"well_mixed": {"volume": 400 * NM * 400 * NM * 20 * NM * scale}},
        "species": {"glutamate": {}}, "models": {"ampa": {"model": "ampa_jonas", "count": RECEPTORS * scale}},
        "release": {"vesicle": {"species": "glutamate", "at": "all", "molecules": MOLECULES * scale, "times": ["0 ms"]}},
        "record": record,
    }  # fmt: skip


def well_mixed_many() -> dict[str, Any]:
    return well_mixed(100)


def cleft(across: tuple[int, int] = (40, 60)) -> dict[str, Any]:
    """400 x 400 x 20 nm in that many voxels, receptors on the square in the middle, glutamate released in a cube of 20 nm."""
    return {
        "dt": "1 us", "solver": "stochastic",
        "space": {"box": {"size": [0.4, 0.4, 0.02], "spacing": [0.4 / across[0], 0.4 / across[1], 0.02], "centred": True}},
        "regions": {"psd": {"box": {"from": [-0.1, -0.1, -1.0], "to": [0.1, 0.1, 1.0]}}},
        "species": {"glutamate": {"diffusion": 0.3}},
        "models": {"ampa": {"model": "ampa_jonas", "in": "psd", "count": RECEPTORS}},
        "release": {"vesicle": {
            "species": "glutamate", "at": {"box": {"from": [0.0, 0.0, -1.0], "to": [0.02, 0.02, 1.0]}},
            "molecules": MOLECULES, "times": ["0 ms"],
        }},
        "record": _states("100 us"),
    }  # fmt: skip


def cleft_of_cubes() -> dict[str, Any]:
    """Voxels of 20 nm, as large as the cubes that are six tetrahedra each in STEPS."""
    return cleft((20, 20))


def small_cleft() -> dict[str, Any]:
    """200 x 200 x 20 nm, slower diffusion, receptors within 60 nm of the middle along x and y."""
    given = cleft((10, 10))
    given["space"]["box"]["size"], given["space"]["box"]["spacing"] = [0.2, 0.2, 0.02], 0.02
    given["regions"]["psd"]["box"] = {"from": [-0.06, -0.06, -1.0], "to": [0.06, 0.06, 1.0]}
    given["species"]["glutamate"]["diffusion"] = 0.04
    given["models"]["ampa"]["count"], given["release"]["vesicle"]["molecules"] = 40, 800
    free = {"value": "total.glutamate", "every": "100 us"}
    return given | {"record": {"total": free} | given["record"]}


def box() -> dict[str, Any]:
    """300 molecules in the first of ten cubes in a row; two cubes each."""
    fifths = {f"fifth{k}": {"box": {"from": [0.2 * k, -9.0, -9.0], "to": [0.2 * k + 0.19, 9.0, 9.0]}} for k in range(5)}
    return {
        "dt": "100 us", "solver": "stochastic", "space": {"box": {"size": [1.0], "spacing": 0.1, "thickness": 0.1}},
        "regions": fifths, "species": {"X": {"diffusion": 0.1}},
        "release": {"start": {"species": "X", "at": [[0.05, 0.0, 0.0]], "molecules": 300, "times": ["0 ms"]}},
        "record": {name: {"value": "X", "in": name, "over": "mean", "every": "1500 us"} for name in fifths},
    }  # fmt: skip


def cable() -> dict[str, Any]:
    """20 voxels, 1 mM in the first."""
    return {
        "dt": "1 us", "space": {"dendrite": {"morphology": {"branches": {"cable": CABLE}}, "max_length": 1.0}},
        "regions": {"first": {"box": {"from": [-99.0, -99.0, -99.0], "to": [0.9, 99.0, 99.0]}}},
        "species": {"free": {"diffusion": 0.2, "initial": {"first": "1 mM"}}},
        "record": {"free": {"value": "free", "over": "each", "every": "1 ms"}},
    }  # fmt: skip


def cable_buffered() -> dict[str, Any]:
    return _buffered(cable())


def tree(pieces: int = 1) -> dict[str, Any]:
    """Voxels of some 1 um, or a part of that."""
    space = {"dendrite": {"morphology": {"branches": TREE}, "max_length": 1.0 / pieces}}
    given = {"dt": "1 us", "space": space, "species": {"free": {"diffusion": 0.2}}}
    return _buffered(given | {"record": {"free": {"value": "free", "over": "each", "every": "1 ms"}}})


def start_in_tree(distance_um: Any) -> Any:
    """mM in the trunk at time 0; there is nothing in the branches."""
    return (1 - distance_um / TREE["trunk"]["length"]) ** 2


def block() -> dict[str, Any]:
    """Extracellular space of 880 voxels, 1 mM in its middle."""
    return {
        "dt": "1 us",
        "space": {"box": {"size": list(BLOCK), "spacing": 1.0, "volume_fraction": FRACTION, "tortuosity": 1.6}},
        "regions": {"middle": {"box": {"from": [3.0, 4.0, 4.0], "to": [5.0, 6.0, 7.0]}}},
        "species": {"free": {"diffusion": 0.76, "initial": {"middle": "1 mM"}}},
        "record": {"free": {"value": "free", "over": "each", "every": "50 us"}},
    }  # fmt: skip


def block_receptors() -> dict[str, Any]:
    """With receptors everywhere."""
    count = RECEPTORS_MM * AVOGADRO_PER_MM_UM3 * FRACTION * BLOCK[0] * BLOCK[1] * BLOCK[2]
    given = block() | {"models": {"ampa": {"model": "ampa_jonas", "count": count, "names": {"glutamate": "free"}}}}
    return given | {"record": given["record"] | _states("50 us", "each")}


def receptors() -> dict[str, Any]:
    """One voxel, from 1 mM."""
    return {
        "dt": "10 us", "space": {"well_mixed": {"volume": 1.0}}, "species": {"free": {"initial": "1 mM"}},
        "models": {"ampa": {
            "model": "ampa_jonas", "count": RECEPTORS_MM * AVOGADRO_PER_MM_UM3, "names": {"glutamate": "free"},
        }},
        "record": {"free": {"value": "free", "every": "5 ms"}} | _states("5 ms"),
    }  # fmt: skip


def grid(side: int, with_receptors: bool = False) -> dict[str, Any]:
    """A cube of so many voxels along each axis, 1 mM in an eighth of it."""
    half = side // 2 - 0.1
    given = {
        "dt": "1 us", "space": {"box": {"size": [float(side)] * 3, "spacing": 1.0}},
        "regions": {"corner": {"box": {"to": [half, half, half]}}},
        "species": {"free": {"diffusion": 0.76, "initial": {"corner": "1 mM"}}},
        "record": {
            "corner": {"value": "free", "in": "corner", "over": "mean"}, "total": {"value": "total.free"},
        },
    }  # fmt: skip
    if with_receptors:
        count = RECEPTORS_MM * AVOGADRO_PER_MM_UM3 * side**3
        given["models"] = {"ampa": {"model": "ampa_jonas", "count": count, "names": {"glutamate": "free"}}}
    return given


def film(side: int, molecules: int) -> dict[str, Any]:
    """A flat square of so many voxels of 10 nm along each axis, and as many molecules in each: they hop, and nothing else."""
    volume = (10 * NM) ** 3
    concentration = molecules / (AVOGADRO_PER_MM_UM3 * volume)
    return {
        "dt": "1 us", "solver": "stochastic",
        "space": {"box": {"size": [side * 10 * NM] * 2, "spacing": 10 * NM, "thickness": 10 * NM}},
        "species": {"free": {"diffusion": 0.1, "initial": f"{concentration!r} mM"}},
        "record": {"total": {"value": "total.free"}},
    }  # fmt: skip


def _states(every: str, over: str = "sum") -> dict[str, Any]:
    return {name: {"value": f"ampa.{name}", "over": over, "every": every} for name in STATES}


def _buffered(given: Mapping[str, Any]) -> dict[str, Any]:
    record = {name: {"value": f"buffer.{name}", "over": "each", "every": "1 ms"} for name in ("unbound", "bound")}
    return {**given, "models": {"buffer": {"model": "buffer.yaml"}}, "record": {**given["record"], **record}}


CASES: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(birth_death, well_mixed, well_mixed_many, cleft, cleft_of_cubes, small_cleft, box),
        *(cable, cable_buffered, tree, block, block_receptors, receptors, grid, film),
    )
}
