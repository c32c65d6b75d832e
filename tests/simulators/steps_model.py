"""A synaptic cleft in STEPS: glutamate that is released, decays and opens receptors; well mixed, or in 48 tetrahedra."""

from itertools import permutations, product

from cosim.sdk import Duration, Params, Port, Space


class Cleft(Params):
    solver: str = "Wmdirect"
    receptors: int = 40
    glutamate: int = 200
    released: int = 300
    step: Duration = 500_000


def ports(args):
    return [
        Port("release", "in", "spikes", Space.numbered(2)),
        Port("leak", "in", "samples", Space(("Glu",)), unit="1/s"),
        Port("buffer", "in", "samples", Space(("Buf",)), unit="M"),
        Port("decay", "in", "samples", Space(("decay",)), unit="1/s"),
        Port("open", "out", "samples", Space(("Open", "Shut")), dt_ns=args.step),
        Port("glutamate", "out", "samples", Space(("Glu",)), unit="M", dt_ns=2 * args.step, of="mean"),
        Port("bound", "out", "samples", Space(("bound", "freed")), dt_ns=2 * args.step),
        Port("flux", "out", "samples", Space(("decay",)), unit="1/s", dt_ns=args.step),
        Port("events", "out", "spikes", Space(("bound", "freed"))),
    ]


def box(side, cells):
    """Corners and tetrahedra of a cube: Kuhn's six to each of its cells."""
    number = cells + 1
    corners = [side * i / cells for at in product(range(number), repeat=3) for i in at]
    tetrahedra = []
    for cell in product(range(cells), repeat=3):
        for axes in permutations(range(3)):
            at = list(cell)
            path = [tuple(at)]
            for axis in axes:
                at[axis] += 1
                path.append(tuple(at))
            tetrahedra += [(x * number + y) * number + z for x, y, z in path]
    return corners, tetrahedra


def chemistry(spatial):
    """Species and reactions."""
    from steps.model import Diffusion, Model, ReactionManager, Species, SurfaceSystem, VolumeSystem

    model = Model()
    r = ReactionManager()
    with model:
        Glu, Buf, Held, Shut, Open = Species.Create()
        inside = VolumeSystem.Create()
        membrane = SurfaceSystem.Create()
        with inside:
            Glu > r["decay"] > None  # noqa: B015
            Glu + Buf < r["catch"] > Held  # noqa: B015
            r["decay"].K = 300
            r["catch"].K = 1e7, 100
            if spatial:
                Diffusion(Glu, 1e-12)
        with membrane:
            Glu.i + Shut.s < r["bind"] > Open.s  # noqa: B015
            r["bind"].K = 2e7, 900
    return model, inside, membrane


def geometry(spatial, inside, membrane):
    """A cube of 200 nm, with receptors on its floor."""
    from steps.geom import Compartment, Geometry, Patch, TetMesh, TriList

    if not spatial:
        well = Geometry()
        with well:
            cleft = Compartment.Create(inside, vol=8e-21)
            psd = Patch.Create(cleft, None, membrane, area=4e-14)
        return well
    mesh = TetMesh.FromData(*box(200e-9, 2))
    with mesh:
        cleft = Compartment.Create(mesh.tets, inside)
        floor = TriList([tri for tri in mesh.surface if abs(tri.center.z) < 1e-12])
        psd = Patch.Create(floor, cleft, None, membrane)  # noqa: F841
    return mesh


def build(args: Cleft, seed, sim):
    spatial = args.solver == "Tetexact"
    model, inside, membrane = chemistry(spatial)
    made = geometry(spatial, inside, membrane)
    simulation = sim.simulation(args.solver, model, made)
    simulation.psd.Shut.Count = args.receptors
    simulation.cleft.Glu.Count = args.glutamate
    near, far = ((made.tets[0], "Glu"), (made.tets[47], "Glu")) if spatial else ("cleft.Glu", "cleft.Glu")
    return {
        "release": sim.release_in([near, far], args.released),
        "leak": sim.flux_in(near),
        "buffer": sim.concentration_in("cleft.Buf"),
        "decay": sim.constant_in("cleft.decay"),
        "open": sim.count_out(["psd.Open", "psd.Shut"]),
        "glutamate": sim.concentration_out("cleft.Glu"),
        "bound": sim.extent_out(["psd.bind.fwd", "psd.bind.bkw"]),
        "flux": sim.flux_out("cleft.decay"),
        "events": sim.events_out(["psd.bind.fwd", "psd.bind.bkw"]),
    }
