"""Names in an MJCF or URDF file, read without MuJoCo, so that a scenario is checked where MuJoCo is not installed.

MuJoCo has the last word: the engine holds what was read here against the compiled model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cosim.sdk import CosimError, did_you_mean

Element = ElementTree.Element

UNREADABLE = ("replicate", "attach", "composite", "flexcomp")
"""Elements whose names only MuJoCo's compiler knows."""
SIZES = {
    **dict.fromkeys(("accelerometer", "velocimeter", "gyro", "force", "torque", "magnetometer", "ballangvel"), 3),
    **dict.fromkeys(("framepos", "framexaxis", "frameyaxis", "framezaxis", "framelinvel", "frameangvel", "framelinacc"), 3),
    **dict.fromkeys(("frameangacc", "subtreecom", "subtreelinvel", "subtreeangmom", "normal"), 3),
    **dict.fromkeys(("ballquat", "framequat"), 4),
    **dict.fromkeys(("touch", "jointpos", "jointvel", "tendonpos", "tendonvel", "actuatorpos", "actuatorvel", "actuatorfrc"), 1),
    **dict.fromkeys(("jointactuatorfrc", "tendonactuatorfrc", "jointlimitpos", "jointlimitvel", "jointlimitfrc"), 1),
    **dict.fromkeys(("tendonlimitpos", "tendonlimitvel", "tendonlimitfrc", "distance", "insidesite", "clock"), 1),
    **dict.fromkeys(("e_potential", "e_kinetic"), 1),
    "camprojection": 2,
    "fromto": 6,
}
"""Values of each kind of sensor; of the others the attributes decide, or a plugin."""
URDF_JOINTS = {"revolute": "hinge", "continuous": "hinge", "prismatic": "slide"}


@dataclass
class Names:
    """What a file names, in the order of the compiled model.

    Attributes
    ----------
    sensors
        Values of each; None where the file does not say it.
    joints
        ``hinge`` or ``slide`` of each joint of one axis.
    timestep_s
        MuJoCo's default unless the file says another.
    unreadable
        An element of the file whose names only MuJoCo knows; empty if there is none.
    """

    actuators: list[str] = field(default_factory=list)
    sensors: dict[str, int | None] = field(default_factory=dict)
    joints: dict[str, str] = field(default_factory=dict)
    unreadable: str = ""
    timestep_s: float = 0.002


def read_names(text: str, folder: Path, whose: str) -> Names:
    """The names in a file's text; included files are looked for in ``folder``."""
    names, root = Names(), parse(text, whose)
    if root.tag == "robot":
        for joint in root.iter("joint"):
            if (kind := URDF_JOINTS.get(joint.get("type", ""))) is not None:
                names.joints[joint.get("name", "")] = kind
        return names
    joints = 0
    for section in inner(root, folder):
        if section.tag == "option":
            names.timestep_s = float(section.get("timestep", names.timestep_s))
        elif section.tag == "actuator":
            for item in inner(section, folder):
                names.actuators.append(item.get("name") or f"actuator_{len(names.actuators)}")
        elif section.tag == "sensor":
            for item in inner(section, folder):
                names.sensors[item.get("name") or f"sensor_{len(names.sensors)}"] = size_of(item)
        elif section.tag == "worldbody":
            for joint in joints_below(section, folder, names):
                kind = joint.get("type", "hinge")
                if kind in ("hinge", "slide") and joint.tag == "joint":
                    names.joints[joint.get("name") or f"joint_{joints}"] = kind
                joints += 1
    return names


def parse(text: str, whose: str) -> Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise CosimError(f"{whose} is not XML", why=str(error), mend="an MJCF or a URDF file") from None


def inner(element: Element, folder: Path) -> Iterator[Element]:
    """The elements inside; what an <include> brings stands in its place."""
    for child in element:
        if child.tag == "include":
            path = folder / child.get("file", "")
            if not path.is_file():
                raise CosimError(f"included file {child.get('file')!r} does not exist", why=f"looked for {path}")
            yield from inner(parse(path.read_text(encoding="utf-8"), path.name), folder)
        else:
            yield child


def joints_below(body: Element, folder: Path, names: Names) -> Iterator[Element]:
    """A body's own joints, then those of the bodies inside, as MuJoCo numbers them."""
    members = list(members_of(body, folder))
    for member in members:
        if member.tag in UNREADABLE:
            names.unreadable = names.unreadable or f"<{member.tag}>"
    yield from (member for member in members if member.tag in ("joint", "freejoint"))
    for member in members:
        if member.tag == "body":
            yield from joints_below(member, folder, names)


def members_of(body: Element, folder: Path) -> Iterator[Element]:
    """What a body holds; a <frame> only moves it."""
    for child in inner(body, folder):
        if child.tag == "frame":
            yield from members_of(child, folder)
        else:
            yield child


def size_of(sensor: Element) -> int | None:
    """How many values a sensor has."""
    if sensor.tag == "user":
        return int(sensor.get("dim", "1"))
    if sensor.tag == "rangefinder" and not sensor.get("data"):
        return 1
    return SIZES.get(sensor.tag)


# -- what of it becomes ports, and whether the compiled model has it -----------------------------------------------------


def choose(
    found: Names,
    whose: str,
    actuators: Sequence[str] | None,
    sensors: Sequence[str] | Mapping[str, int] | None,
    joints: Sequence[str] | None,
) -> Names:
    """The names that the parameters choose; None chooses all that the file has."""
    if found.unreadable and None in (actuators, sensors, joints):
        raise CosimError(
            f"{whose} has {found.unreadable}, whose names only MuJoCo knows",
            mend="name what becomes ports: actuators: […], sensors: {name: size, …}, joints: […]; [] for none",
        )
    sizes: dict[str, int | None] = dict(sensors) if isinstance(sensors, Mapping) else {}
    for name in () if isinstance(sensors, Mapping) else found.sensors if sensors is None else sensors:
        sizes[name] = found.sensors.get(name)
    chosen = Names(
        list(found.actuators if actuators is None else actuators),
        sizes,
        {name: found.joints.get(name, "") for name in (found.joints if joints is None else joints)},
        timestep_s=found.timestep_s,
    )
    if not found.unreadable:
        hold("actuator", chosen.actuators, found.actuators, whose)
        hold("sensor", chosen.sensors, found.sensors, whose)
        hold("joint of one axis", chosen.joints, found.joints, whose)
    if unsized := [name for name, size in sizes.items() if size is None]:
        told = ", ".join(f"{name}: …" for name in unsized)
        raise CosimError(f"{whose} does not say how many values sensor {unsized[0]!r} has", mend=f"sensors: {{{told}}}")
    return chosen


def hold(what: str, chosen: Sequence[str] | Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], whose: str) -> None:
    """That all that was chosen is known."""
    for name in chosen:
        if name not in known:
            why = f"it has {', '.join(known) or 'none'}"
            raise CosimError(f"{whose} has no {what} {name!r}", why=why, mend=did_you_mean(name, known))


def named(model: Any, what: str, count: int) -> list[str]:
    """The names of a compiled model's ``actuator``, ``sensor``, …; one without a name is called by its number."""
    return [getattr(model, what)(i).name or f"{what}_{i}" for i in range(count)]


def rows_of(model: Any, what: str, names: Sequence[str]) -> list[int]:
    """Where a compiled model has the ``actuator``, ``sensor``, ``joint``, ``body``, ``camera`` or ``key`` of each name."""
    counts = {"actuator": "nu", "sensor": "nsensor", "joint": "njnt", "body": "nbody", "camera": "ncam", "key": "nkey"}
    known = {name: row for row, name in enumerate(named(model, what, getattr(model, counts[what])))}
    hold({"key": "keyframe"}.get(what, what), names, known, "the compiled model")
    return [known[name] for name in names]


def check_kinds(model: Any, chosen: Names) -> None:
    """That sensors of the compiled model have the sizes that were read, and joints one axis."""
    for row, (name, size) in zip(rows_of(model, "sensor", list(chosen.sensors)), chosen.sensors.items(), strict=True):
        if (found := int(model.sensor_dim[row])) != size:
            mend = f"sensors: {{{name}: {found}}}"
            raise CosimError(f"sensor {name!r} has {found} values in the compiled model, not {size}", mend=mend)
    for row, name in zip(rows_of(model, "joint", list(chosen.joints)), chosen.joints, strict=True):
        if (kind := int(model.jnt_type[row])) < 2:  # mjJNT_FREE, mjJNT_BALL
            raise CosimError(
                f"joint {name!r} is {('free', 'a ball')[kind]}, not of one axis",
                mend="name the others in joints: […]; framepos, framequat, … sensors tell where its body is",
            )
