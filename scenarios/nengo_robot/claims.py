"""A loop of spiking neurons and an arm: what each does alone, what the loop does without neurons, and what neurons add."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run, SampledSignal
from cosim.scenario.plan import derived_seed

HERE = Path(__file__)
hand_m, pushed, course, longest_delay, root, slowest = (
    load_beside(HERE, "theory.py", name) for name in ("hand_m", "pushed", "course", "longest_delay", "root", "slowest")
)
jacobian = load_beside(HERE, "theory.py", "jacobian")
REST, DT_S = load_beside(HERE, "theory.py", "REST"), load_beside(HERE, "theory.py", "DT_S")
Brain, network = load_beside(HERE, "brain.py", "Brain"), load_beside(HERE, "brain.py", "network")
TURN = load_beside(HERE, "brain.py", "TURN")

Floats = NDArray[np.float64]
STAR = np.array([[-0.02, 0.54], [0.0505, 0.3229], [-0.1341, 0.4571], [0.0941, 0.4571], [-0.0905, 0.3229]])
PULL, WEAK = np.array([8.0, 0.0]), np.array([3.0, 0.0])
"""N, the first as in scenario.yaml, as are the corners (m)."""
LEARNING, SENSE_S, ACT_S = 1e-4, 0.015, 0.01
SIZES, SEEDS = (200, 600, 1600), (1, 2)
LATE_MS = (54, 56, 58)
"""Delays on both sides of the longest stable one."""
LATE_SPIKING_MS = (52, 56, 60)
GAIN = 0.04
"""What a decoded torque may be off by: seen in the tuning curves and decoders of three networks: 0.96 to 1.04 at 4 rad/s²."""
ARGS = "engines.brain.params.args"
DIRECT = {f"{ARGS}.mode": "direct", "record.streams": ["arm.sensors", "arm.body_position"]}


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from _alone(run)
    yield from _equations(run)
    yield from _delays(run)
    yield _neurons(run)
    yield from _learning(run)


# -- each simulator alone ----------------------------------------------------------------------------------------------


def _alone(run: Callable[..., Run]) -> Iterator[Claim]:
    recorded = {"record.streams": ["arm.sensors", "brain.torque", "brain.spikes", "sense", "show", "act", "load"]}
    short = {"clock.stop": "2 s", f"{ARGS}.neurons": 300, **pulled([PULL], "1 s"), **recorded}
    coupled = run(short)
    arm = _arm_alone(delivered(coupled, "act", 2000), delivered(coupled, "load", 2000))
    yield Claim(
        "arm: largest difference to MuJoCo alone with the recorded torques, angles and velocities",
        expected=0.0,
        measured=float(np.abs(arm - coupled.samples("arm.sensors").values[:2000]).max()),
        tolerance=0.0,  # the same steps
        source="a loop around mj_step",
        unit="rad, rad/s",
    )
    torques, spikes = _brain_alone(Brain(neurons=300), delivered(coupled, "show", 2000), delivered(coupled, "sense", 2000))
    yield Claim(
        "brain: largest difference to Nengo alone with the recorded senses, torques",
        expected=0.0,
        measured=float(np.abs(torques - coupled.samples("brain.torque").values[:2000]).max()),
        tolerance=0.0,
        source="the same network in nengo.Simulator(optimize=False)",
        unit="N m",
    )
    heard = coupled.spikes("brain.spikes")
    yield Claim(
        "brain: spikes that are not those of Nengo alone",
        expected=0.0,
        measured=float(len(set(zip(np.rint(heard.times_ms).tolist(), heard.channels.tolist(), strict=True)) ^ spikes)),
        tolerance=0.0,
        source=f"the same; there are {len(spikes)}",
    )
    other = run({**short, "engines.brain.window": "10 ms", "engines.arm.window": "2 ms"})
    yield Claim(
        "windows of 10 ms and 2 ms in place of 5 ms and 5 ms: largest difference",
        expected=0.0,
        measured=float(np.abs(other.samples("arm.sensors").values[:2000] - coupled.samples("arm.sensors").values[:2000]).max()),
        tolerance=0.0,  # a window decides when engines talk, not what is said
        source="the delays are the links', whatever the windows",
        unit="rad, rad/s",
    )


def _arm_alone(torques: Floats, forces: Floats) -> Floats:
    """(steps, 4) angles and velocities after each step."""
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(HERE.with_name("arm.xml")))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    hand, rows = model.body("hand").id, np.empty((len(torques), 4))
    for n in range(len(torques)):
        data.qfrc_applied[:], data.xfrc_applied[hand, :2] = torques[n], forces[n]
        mujoco.mj_step(model, data)
        rows[n] = [*data.qpos, *data.qvel]
    return rows


def _brain_alone(args: Any, targets: Floats, senses: Floats) -> tuple[Floats, set[tuple[float, int]]]:
    """(steps, 2) torques, and (ms, neuron) of spikes; rows that a plain node reads at each step."""
    import nengo

    net, model, (target, felt, muscles, _, motor) = built(args)
    shown = load_beside(HERE, "brain.py", "SHOWN")
    with net:
        for rows, place in ((targets, target), (senses, felt)):
            node = nengo.Node(lambda t, rows=rows: rows[round(t / DT_S) - 1], size_out=rows.shape[1])
            nengo.Connection(node, place, synapse=None)
        probes = [nengo.Probe(muscles), nengo.Probe(motor.neurons[:shown])]
    with nengo.Simulator(net, model=model, progress_bar=False, optimize=False) as alone:
        alone.run_steps(len(targets), progress_bar=False)
        torque, spikes = (alone.data[probe] for probe in probes)
    steps, cells = np.nonzero(spikes)
    return torque, set(zip((steps + 1.0).tolist(), cells.tolist(), strict=True))


def built(args: Any) -> tuple[Any, Any, Any]:
    """The brain's network as seed 1 of the clock makes it, with the seeds that it has without ports, and its nodes."""
    import nengo

    with nengo.Network(seed=derived_seed(1, "engine", "brain") % 2**31) as net:
        nodes = network(args)
    model = nengo.builder.Model(dt=DT_S, decoder_cache=nengo.cache.NoDecoderCache())  # its cache is shared by all processes
    nengo.builder.network.seed_network(net, model.seeds, model.seeded)
    return net, model, nodes


# -- the loop without neurons ------------------------------------------------------------------------------------------


def _equations(run: Callable[..., Run]) -> Iterator[Claim]:
    reached = run({**DIRECT, "clock.stop": "3 s", **pulled([PULL * 0, PULL, PULL], "1 s")})
    targets = np.repeat(STAR[:3], 1000, axis=0)
    forces = np.repeat([PULL * 0, PULL, PULL], 1000, axis=0)
    yield Claim(
        "without neurons: largest distance to the equations of motion, 3 s of reaching and a pull",
        expected=0.0,
        measured=float(np.abs(reached.samples("arm.sensors").values[:3000, :2] - course(targets, forces, SENSE_S, ACT_S)).max()),
        tolerance=1e-8,  # the integrators: fourth order in MuJoCo, dt^4 |q^(5)|; eighth order here
        source="Lagrange's equations with both delays, Dormand-Prince 8(5,3)",
        unit="rad",
    )
    held = {"clock.stop": "4 s", **shown(STAR[0]), **pulled([WEAK], "1 s"), "record.streams": ["arm.body_position"]}
    exact, decoded = hand_m(pushed(STAR[0], WEAK)), hand_m(_pushed_by_decoders(STAR[0], WEAK))
    for name, settings, expected, tolerance, source in (
        ("without neurons", {f"{ARGS}.mode": "direct"}, exact, 1e-6, "M kp (q* - q) + Jᵀ F = 0"),
        (
            "1000 neurons",
            {f"{ARGS}.learning": 0},
            decoded,
            2e-3,
            "the same with tuning curves and decoders; tolerance: spikes for rates",
        ),
    ):
        there = run({**held, **settings}).samples("arm.body_position").values[3500:4000, :2].mean(axis=0)
        far = float(np.linalg.norm(expected - STAR[0]))
        yield Claim(
            f"pulled by 3 N, nothing learned, {name}: hand to where it must be, over its {far * 1e3:.1f} mm from the corner",
            expected=0.0,
            measured=float(np.linalg.norm(there - expected)) / far,
            tolerance=tolerance,
            source=source,
        )


def _pushed_by_decoders(corner: Floats, force: Floats) -> Floats:
    """(2,) rad where the torque that the populations' tuning curves and decoders give balances the force."""
    import nengo
    from scipy.optimize import fsolve

    args = Brain(learning=0)
    net, model, _ = built(args)
    centre, reach, push = (load_beside(HERE, "brain.py", name) for name in ("CENTRE", "REACH", "PUSH"))
    with nengo.Simulator(net, model=model, progress_bar=False, optimize=False) as alone:

        def says(population: Any, represented: Floats) -> Floats:
            rates = nengo.builder.ensemble.get_activities(alone.data[population], population, represented[None])[0]
            decoders = next(alone.data[link].weights for link in net.all_connections if link.pre_obj is population)
            told: Floats = decoders @ rates  # and the connection's transform
            return told

        goal, motor = net.all_ensembles
        wanted = says(goal, (corner - centre) / reach)

        def balance(q: Floats) -> Floats:
            acceleration = wanted - args.kp * (q - REST) / push
            torque: Floats = says(motor, np.array([(q[1] - REST[1]) / TURN, *acceleration]))
            return torque + jacobian(q).T @ force

        found: Floats = fsolve(balance, pushed(corner, force))
    return found


# -- delays ------------------------------------------------------------------------------------------------------------


def _delays(run: Callable[..., Run]) -> Iterator[Claim]:
    limit_s, omega = longest_delay()
    found = []
    for delay_ms in LATE_MS:
        velocity = _after_a_step(run, delay_ms, 0.0005, {f"{ARGS}.mode": "direct", "clock.stop": "4 s"})
        found.append(slowest(velocity[2000::10], 10 * DT_S))
        yield Claim(
            f"without neurons, delays of {delay_ms} ms in all: growth",
            expected=root(delay_ms * 1e-3).real,
            measured=found[-1].real,
            tolerance=omega**3 * DT_S**2 / 8,  # two holds and the filter, (s dt)²/24 each
            source="s² (1 + s tau) e^(sT) + kv s + kp = 0; tolerance: s (s dt)²/8",
            unit="1/s",
        )
    yield Claim(
        "without neurons: longest stable delay",
        expected=limit_s * 1e3,
        measured=_crossing(LATE_MS, [s.real for s in found]),
        tolerance=omega**3 * DT_S**2 / 8 / 0.187,  # as above, over the growth that a ms brings
        source="(atan(kv w/kp) - atan(w tau))/w - dt²/(12 tau), w⁴ (1 + w² tau²) = kp² + kv² w²",
        unit="ms",
    )
    yield Claim(
        "without neurons: frequency there",
        expected=omega / (2 * np.pi),
        measured=float(np.interp(limit_s * 1e3, LATE_MS, [s.imag for s in found])) / (2 * np.pi),
        tolerance=2e-3,
        source="w/(2 pi); tolerance: between two delays on a straight line",
        unit="Hz",
    )
    growths = []
    for delay_ms in LATE_SPIKING_MS:
        velocity = _after_a_step(run, delay_ms, 0.05, {f"{ARGS}.learning": 0, "clock.stop": "2500 ms"})
        power = (velocity**2).sum(axis=1)
        growths.append(float(np.log(power[1500:2500].mean() / power[500:1500].mean())) / 2)
    yield Claim(
        "1000 neurons: longest stable delay",
        expected=limit_s * 1e3,
        measured=_crossing(LATE_SPIKING_MS, growths),
        tolerance=limit_s * 1e3 * GAIN,
        source="the same; tolerance: T falls as 1/gain, and a decoded gain is known to 4 %",
        unit="ms",
    )


def _after_a_step(run: Callable[..., Run], delay_ms: int, step_m: float, settings: dict[str, Any]) -> Floats:
    """(steps, 2) rad/s of both joints after the target has jumped forward at time 0."""
    delays = {"links.sense.delay": f"{delay_ms - 10} ms", "record.streams": ["arm.sensors"]}
    result = run({**shown(hand_m(REST) + np.array([0, step_m])), **pulled([PULL * 0], "1 s"), **delays, **settings})
    return result.samples("arm.sensors").values[:, 2:]


def _crossing(delays_ms: tuple[int, ...], growths: list[float]) -> float:
    """Where a parabola through three points is 0."""
    roots = np.roots(np.polyfit(delays_ms, growths, 2))
    return float(min(roots.real, key=lambda delay: abs(delay - delays_ms[1])))


# -- neurons -----------------------------------------------------------------------------------------------------------


def _neurons(run: Callable[..., Run]) -> Claim:
    star = {"clock.stop": "5 s", **pulled([PULL * 0], "1 s"), "record.streams": ["arm.body_position"]}
    exact = run({**star, f"{ARGS}.mode": "direct"}).samples("arm.body_position").values
    off = []
    for size in SIZES:
        squares = []
        for seed in SEEDS:
            settings = {f"{ARGS}.neurons": size, f"{ARGS}.learning": 0, "clock.seed": seed}
            hand = run({**star, **settings}).samples("arm.body_position").values
            squares.append(((hand - exact) ** 2).sum(axis=1).mean())
        off.append(np.sqrt(np.mean(squares)))
    told = ", ".join(f"{1e3 * value:.1f}" for value in off)
    return Claim(
        f"power of N with which the hand comes to the path without neurons ({told} mm for {', '.join(map(str, SIZES))})",
        expected=-0.5,
        measured=float(np.polyfit(np.log(SIZES), np.log(off), 1)[0]),
        # networks of one size differ by some 10 % here, which moves the power by 0.05. Not below 200: there they differ twofold,
        # and distortion, which falls faster than noise, makes it steeper (150 to 1200 neurons in 3 s: -0.66)
        tolerance=0.15,
        source="noise of N decoded neurons, N^-1/2, sizes and duration chosen where it holds; tolerance: 3 sd, two networks each",
    )


# -- learning ----------------------------------------------------------------------------------------------------------


def _learning(run: Callable[..., Run]) -> Iterator[Claim]:
    result = run()
    predicted, measured = learned_by_theory(
        result.samples("arm.sensors"), result.samples("brain.torque"), result.samples("brain.learned")
    )
    yield Claim(
        "what is learned in 20 s: distance to theory, relative",
        expected=0.0,
        measured=float(np.sqrt(((predicted - measured) ** 2).mean() / (measured**2).mean())),
        tolerance=0.03,  # spikes for rates, a row for 5 ms, and filters of 5 and 10 ms that are left out
        source="learning rate/N * sum over the past of a(q)·a(q') u(q') dt, from tuning curves alone",
    )
    hand = result.samples("arm.body_position").values[:, :2]
    remaining = np.linalg.norm(at_end_of_reaches(hand)[10:15] - STAR, axis=1)
    unlearned = np.linalg.norm([hand_m(pushed(corner, PULL)) - corner for corner in STAR], axis=1)
    yield Claim(
        "second star under the pull: what remains of the displacement",
        expected=0.0,
        measured=float(remaining.mean() / unlearned.mean()),
        tolerance=0.18,  # each corner asks for other torques, and has one second: e^(-1.7), the rate of 1.7/s by tuning curves
        source="learned: 0, not learned: 1, by the closed form",
    )


def learned_by_theory(
    senses: SampledSignal, torque: SampledSignal, learned: SampledSignal, every: int = 5
) -> tuple[Floats, Floats]:
    """What PES must have learned at the angles that were sensed, and what it had: both (rows, 2) N m, a row in 5 ms.

    A decoder d moves by (rate/N) a(q) u dt, with the firing rates a of tuning curves, and says d·a(q).
    """
    import nengo

    every = 5
    rows = len(learned.values) // every * every
    late = round(SENSE_S / DT_S)
    angles = np.concatenate([np.tile(REST, (late, 1)), senses.values[:, :2]])[:rows:every]
    had = learned.values[:rows].reshape(-1, every, 2).mean(axis=1)
    error = torque.values[:rows].reshape(-1, every, 2).mean(axis=1) - had
    net, model, _ = built(Brain())
    memory = net.all_ensembles[-1]
    with nengo.Simulator(net, model=model, progress_bar=False, optimize=False) as alone:
        rates = nengo.builder.ensemble.get_activities(alone.data[memory], memory, (angles - REST) / TURN)
    decoders, says = np.zeros((rates.shape[1], 2)), np.empty_like(had)
    for n, (rate, missed) in enumerate(zip(rates, error, strict=True)):
        says[n] = rate @ decoders
        decoders += LEARNING / rates.shape[1] * every * DT_S * np.outer(rate, missed)
    return says, had


def at_end_of_reaches(hand: Floats) -> Floats:
    """(reaches, 2) m: the mean of the last 100 ms of each second."""
    whole = len(hand) // 1000
    return hand[: whole * 1000].reshape(whole, 1000, 2)[:, 900:].mean(axis=1)


def shown(corner: Floats) -> dict[str, Any]:
    """One target for all time."""
    return {"engines.task.params.values": [[float(x) for x in corner]]}


def pulled(forces: list[Floats], each: str) -> dict[str, Any]:
    values = [[float(x) for x in force] for force in forces]
    return {"engines.pull.params.values": values, "engines.pull.params.dt": each, "engines.pull.window": each}


def delivered(run: Run, link: str, steps: int) -> Floats:
    """(steps, channels) rows that a link brought, one for each step of 1 ms."""
    rows = run.samples(link)  # with the times at which the source said them
    step_ms = rows.times_ms[1] - rows.times_ms[0]
    arrived = rows.times_ms + run.links()[link].delay_ms > 0
    return rows.values[arrived].repeat(round(step_ms), axis=0)[:steps]
