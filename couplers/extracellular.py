"""Membrane currents become the electric potential that they make outside the cells, at contacts or along a neighbour."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from cosim.sdk import CosimError, Params, Payload, Port, Samples, Segments, Simulator, Space, Unit
from cosim.sdk.units import factor
from couplers.electrodes import Disc, Floats, Probe, Slab, Triple

log = logging.getLogger(__name__)

LFPYKIT = Simulator("LFPykit", "lfpykit", "LFPykit", "fields", how="pip install 'neuro-cosim[fields]'")
POINT = 1e-4
"""A segment shorter than this part of its radius is a point: at the radius the two differ by (length / radius)² / 24 < 5e-10, and
the logarithm of a line so short would lose as much to rounding."""
ON_GLASS_UM = 1e-9
"""How far from the glass LFPykit takes a contact to be on it."""


def _conducts(conductivity: float | tuple[float, float, float]) -> float | tuple[float, float, float]:
    if not all(0 < value < np.inf for value in np.ravel(conductivity)):
        raise ValueError("a conductivity is above 0, and finite")
    return conductivity


class ExtracellularParams(Params):
    at: Annotated[
        Annotated[list[Triple], Field(min_length=1)] | None, Unit("um"), Field(description="where the contacts are: [x, y, z] each")
    ] = None
    probe: Annotated[Probe | None, Field(description="contacts in a row: origin, spacing, count, direction")] = None
    target: Annotated[bool, Field(description="take the places of the target's channels: the field acts on a neighbour")] = False
    method: Annotated[
        Literal["line", "point"] | None,
        Field(description="what a source is; by default a line where it has a segment, else a point"),
    ] = None
    conductivity: Annotated[
        float | tuple[float, float, float],
        AfterValidator(_conducts),
        Unit("S/m"),
        Field(description="of the medium; three along x, y and z where it is anisotropic"),
    ] = 0.3
    disc: Annotated[Disc | None, Field(description="contacts with a face: radius, normal, points; without it they are points")] = (
        None
    )
    slab: Annotated[Slab | None, Field(description="a slice in a dish: thickness, bottom, saline, glass, images")] = None
    unit: Annotated[Literal["mV", "uV"], Field(description="of what comes out")] = "mV"

    @model_validator(mode="after")
    def _fits_together(self) -> ExtracellularParams:
        given = [name for name, value in (("at", self.at), ("probe", self.probe), ("target", self.target)) if value]
        if len(given) != 1:
            raise ValueError(
                f"a potential is taken at one of at, probe and target: true, and here is {' and '.join(given) or 'none'}"
            )
        if self.slab is not None and isinstance(self.conductivity, tuple):
            raise ValueError("a slab is isotropic: give one conductivity, that of the tissue")
        return self


class Extracellular:
    """φ = M I in every step: the potential φ at contacts, of the currents I that leave cells through their membranes.

    An outward current is positive. M, in mV/nA, is LFPykit's, of a medium that is infinite, homogeneous and ohmic, of
    conductivity σ: a point source gives 1 / (4πσ r), a line source of length L with its current spread evenly along it
    1 / (4πσL) ln |(√(h² + ρ²) - h) / (√(l² + ρ²) - l)|, ρ being the distance from its axis, h and l = h + L those along the axis
    from its two ends. No r (of points) and no ρ (of lines) is smaller than the segment's radius: nearer than that the potential
    is the one at the membrane. ``conductivity`` with three values is the anisotropic medium, ``slab`` the slice on glass under
    saline by the method of images. A segment without length is a point.

    Sums run along the sources, in an order that neither windows nor threads nor transport change. Exact, without memory and without
    delay: the mean goes as M, independent currents of variance s² give Σ_j M_ij² s², the group delay is 0. The currents of a whole
    cell sum to 0, so that its far field falls at least as r⁻²; a space that leaves out a part of a cell has a monopole that is not
    there.

    References
    ----------
    Holt and Koch (1999), J Comput Neurosci 6, 169; Lindén et al. (2014), Front Neuroinform 7, 41; Ness et al. (2015),
    Neuroinformatics 13, 403; Hagen et al. (2018), Front Neuroinform 12, 92.
    """

    Params = ExtracellularParams
    place = "source"

    def __init__(self, source: Port, target: Port, params: ExtracellularParams) -> None:
        per_na = _na_in(source)
        if LFPYKIT.version is None:
            raise CosimError("extracellular needs LFPykit, which is not installed", mend=LFPYKIT.how_to_get())
        self._params, self._source_unit, self._unit = params, source.unit, per_na * factor("mV", params.unit)
        self._pieces, self._method = _sources(source, params.method)
        space = _contacts(target, params)
        assert space.positions is not None
        self._faces = _points(space.positions, params.disc)
        if source.space.segments is None:
            _check_distances(source.space, self._pieces, self._faces)
        if params.slab is not None:
            _check_slab(source.space, self._pieces, self._method, np.concatenate(self._faces)[:, 2], params.slab)
        _check_memory(len(space), len(source.space))
        if len(space) > len(source.space):
            self.place = "target"  # the data get larger
        self.port = source.but(quantity="extracellular_potential", unit=params.unit, space=space)
        self.state: dict[str, NDArray[Any]] = {}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """Potential (steps, contacts) of currents (steps, sources)."""
        assert isinstance(payload, Samples)
        out = np.empty((len(payload.values), len(self.port.space)))
        # A row is summed by itself and never by BLAS, whose order depends on the number of rows and of threads.
        for k, currents in enumerate(payload.values):
            np.einsum("cs,s->c", self.matrix, currents, out=out[k])
        return Samples(payload.window, out)

    @cached_property
    def matrix(self) -> Floats:
        """(contacts, sources), what comes out per what goes in. Made when it is first needed, so that a check is fast."""
        lfpykit, pieces = LFPYKIT.load(), self._pieces
        total = np.zeros((len(self.port.space), len(pieces)))
        is_line = np.full(len(pieces), self._method == "line")
        is_line &= np.linalg.norm(pieces.stop - pieces.start, axis=1) > POINT * pieces.diameter / 2
        for method, chosen in (("line", np.flatnonzero(is_line)), ("point", np.flatnonzero(~is_line))):
            if len(chosen):
                cell = _cell(lfpykit, pieces.take(chosen))
                for places in self._faces:  # one after the other: a contact's mean is summed in a fixed order
                    total[:, chosen] += _response(lfpykit, cell, places, method, self._params)
        total *= self._unit / len(self._faces)
        most = f"{np.abs(total).max():.4g} {self.port.unit}/{self._source_unit}"
        log.info(
            "potential of %d sources, of them %d lines, at %d contacts: %s at most", len(pieces), is_line.sum(), len(total), most
        )
        return total


def _response(lfpykit: Any, cell: Any, places: Floats, method: str, params: ExtracellularParams) -> Floats:
    """LFPykit's matrix (places, segments) in mV/nA, of places in µm and conductivities in S/m."""
    x, y, z = np.ascontiguousarray(places.T)
    at, slab, kind = {"x": x, "y": y, "z": z}, params.slab, f"{method}source"
    if slab is not None:
        conductivities = {"sigma_T": params.conductivity, "sigma_S": slab.saline, "sigma_G": slab.glass}
        layers = {"h": slab.thickness, "z_shift": slab.bottom, "steps": slab.images}
        model = lfpykit.RecMEAElectrode(cell, **at, **conductivities, **layers, method=kind)
    elif isinstance(params.conductivity, tuple):
        model = lfpykit.RecExtElectrode(cell, **at, sigma=list(params.conductivity), method=kind)
    else:
        of = {"line": lfpykit.LineSourcePotential, "point": lfpykit.PointSourcePotential}[method]
        model = of(cell, **at, sigma=params.conductivity)
    matrix: Floats = model.get_transformation_matrix()
    return matrix


def _cell(lfpykit: Any, pieces: Segments) -> Any:
    x, y, z = np.stack([pieces.start, pieces.stop], axis=2).transpose(1, 0, 2)  # (segments, 2) each
    return lfpykit.CellGeometry(x=x.copy(), y=y.copy(), z=z.copy(), d=pieces.diameter)


def _na_in(source: Port) -> float:
    """How many nA one of the source's unit is; a CosimError where it does not bring membrane currents."""
    if source.kind != "samples":
        raise CosimError(
            f"extracellular takes samples of membrane_current, and {source.name!r} brings {source.describe()}",
            why="a potential is made by the currents that leave a cell, not by its spikes",
            mend="link the port of a cell model that gives the currents of all its compartments",
        )
    if source.quantity not in ("", "membrane_current"):
        raise CosimError(
            f"extracellular takes membrane_current, and {source.name!r} brings {source.quantity}",
            why="the currents that leave all compartments of a cell make its field, and nothing else does",
            mend="if they are that, outward and all of them, let the port say so, or the link: "
            "via: [{scale: {quantity: membrane_current}}, …]",
        )
    try:
        return factor(source.unit, "nA")
    except CosimError as error:
        raise CosimError(
            f"extracellular takes currents, and {source.name!r} is in {source.unit}",
            why=error.why or error.what,
            mend="give them in A, nA or pA: a density times the area of each compartment",
        ) from None


def _sources(source: Port, asked: str | None) -> tuple[Segments, str]:
    """Where the currents leave, as segments (those of points have no length, and no diameter where it is not known), and how."""
    space = source.space
    if space.positions is None:
        raise CosimError(
            f"extracellular does not know where the currents of {source.name!r} leave",
            why="its space has neither segments nor positions",
            mend="let the engine give them: Space(labels, segments=Segments(start, stop, diameter)), in µm, or positions",
        )
    if space.segments is None:
        if asked == "line":
            raise CosimError(
                f"{source.name!r} has positions and no segments: its currents cannot be spread along lines", mend="method: point"
            )
        _check_finite(source, space.positions)
        return Segments(space.positions, space.positions, np.zeros(len(space))), "point"
    pieces = space.segments
    _check_finite(source, np.column_stack([pieces.start, pieces.stop, space.positions]))
    thin = np.flatnonzero(~((pieces.diameter > 0) & np.isfinite(pieces.diameter)))
    if len(thin):
        raise CosimError(
            f"the segment of {space.labels[thin[0]]!r} has a diameter of {pieces.diameter[thin[0]]:g} µm",
            why=f"{len(thin)} of {len(pieces)} are like this; no potential is taken nearer than a radius, which must be above 0",
            mend="give it a diameter above 0",
        )
    if asked == "point":
        return Segments(space.positions, space.positions, pieces.diameter), "point"
    return pieces, "line"


def _contacts(target: Port, params: ExtracellularParams) -> Space:
    """The places where the potential is given, as channels."""
    if not params.target:
        places = params.probe.places if params.probe is not None else np.array(params.at, float)
        return Space(tuple(map(str, range(len(places)))), positions=places)
    if target.space.positions is None:
        raise CosimError(
            f"target: true takes the places of the channels of {target.name!r}, and they have none",
            mend="let the engine give positions or segments to its port's space, or say at: or probe:",
        )
    _check_finite(target, target.space.positions)
    return target.space


def _points(places: Floats, disc: Disc | None) -> list[Floats]:
    """(contacts, 3) for each point of a contact's face."""
    return [places] if disc is None else [places + offset for offset in disc.offsets]


def _check_finite(port: Port, places: Floats) -> None:
    bad = np.flatnonzero(~np.isfinite(places).all(axis=1))
    if len(bad):
        raise CosimError(
            f"channel {port.space.labels[bad[0]]!r} of {port.name!r} has no place: {places[bad[0]].tolist()}",
            why=f"{len(bad)} of {len(places)} channels are like this",
            mend="every position is three finite numbers, in µm; select the channels that have one: engine.port[selector]",
        )


def _check_distances(space: Space, pieces: Segments, faces: list[Floats]) -> None:
    """That no contact lies on a source of which no radius is known."""
    known = {tuple(place): label for label, place in zip(space.labels, pieces.start.tolist(), strict=True)}
    met = ((i, known.get(tuple(place))) for places in faces for i, place in enumerate(places.tolist()))
    for contact, label in met:
        if label is not None:
            raise CosimError(
                f"contact {contact} lies on the source {label!r}, where the potential is infinite",
                why=f"{label!r} is a point, of which no radius is known",
                mend="give the source's space segments, whose radius is the least distance, or move the contact",
            )


def _check_slab(space: Space, pieces: Segments, method: str, contacts: Floats, slab: Slab) -> None:
    """That sources and contacts, at heights (n,) in µm, are in the slab, and that LFPykit has a formula for them."""
    heights = np.column_stack([pieces.start[:, 2], pieces.stop[:, 2]])
    outside, span = (
        np.flatnonzero(((heights < slab.bottom) | (heights > slab.top)).any(axis=1)),
        f"{slab.bottom:g} … {slab.top:g} µm",
    )
    if len(outside):
        low, high = np.sort(heights[outside[0]])
        raise CosimError(
            f"the source {space.labels[outside[0]]!r} is outside the slab, which has z in {span}",
            why=f"it has z in {low:g} … {high:g} µm; {len(outside)} of {len(space)} sources are outside",
            mend="move the cell or the slab (bottom), or make it thicker",
        )
    found = f"contacts have z in {contacts.min():g} … {contacts.max():g} µm, glass: {slab.glass:g} S/m"
    if method == "line" and (slab.glass > 0 or np.abs(contacts - slab.bottom).max() > ON_GLASS_UM):
        raise CosimError(
            "the potential of lines in a slab is known on the glass only, and over glass that does not conduct",
            why=f"{found}, and it lies at z = {slab.bottom:g} µm",
            mend="method: point, or contacts on the glass and glass: 0 S/m",
        )
    if contacts.min() < slab.bottom or contacts.max() > slab.top:
        raise CosimError(
            f"a contact is outside the slab, which has z in {span}", why=found, mend="contacts lie in the tissue or on the glass"
        )


def _check_memory(contacts: int, sources: int) -> None:
    needed, there = contacts * sources * 8, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there / 2:  # it is added up from parts of its own size
        raise CosimError(
            f"the potential of {sources} sources at {contacts} places is a matrix of {needed / 2**30:.3g} GiB",
            why=f"this machine has {there / 2**30:.3g} GiB, and the matrix is added up from parts of its own size",
            mend="link fewer channels: engine.port[selector], at either end",
        )
