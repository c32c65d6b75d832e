"""Moves a two-joint arm with spiking neurons, after DeWolf et al. (2016), Proc R Soc B 283, 20162134.

Three populations of leaky integrate-and-fire neurons, whose decoders are solved for (Neural Engineering Framework):

* ``goal`` represents where the hand should be and says which angles q* that takes (premotor cortex);
* ``motor`` represents the elbow's angle and the acceleration a = kp (q* - q) - kv q', and says the torque M(q) a (motor cortex);
* ``memory`` represents both angles, and learns the torque that is missing, for which the motor torque is the error signal
  (cerebellum; PES, MacNeil and Eliasmith 2011, PLoS ONE 6, e22885).

With ``mode: direct`` functions are computed, not decoded, and nothing is learned: the same loop without a neuron.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from cosim.sdk import Params, Port, Space, Unit

UPPER, FOREARM = 0.316, 0.34  # m, as in arm.xml
INERTIA = (0.27987936, 0.08299424, 0.06847488)  # kg m²: S, B and D of M(q) in theory.py, which the brain has to know
REST = np.array([0.7, 1.75])  # rad, keyframe "ready"
CENTRE, REACH = np.array([-0.02, 0.42]), 0.15  # m: where targets are
TURN, PUSH = 0.8, 40.0  # rad and rad/s²: what a population represents as 1
SHOWN = 60


class Brain(Params):
    neurons: Annotated[int, Field(ge=SHOWN, description="of each population")] = 1000
    mode: Literal["spiking", "direct"] = "spiking"
    kp: Annotated[float, Unit("1/s^2")] = 100.0
    kv: Annotated[float, Unit("1/s")] = 20.0
    learning: Annotated[float, Field(ge=0, description="PES learning rate")] = 1e-4


def ports(args):
    joints = Space(("shoulder", "elbow"))
    senses = Space(("shoulder_angle", "elbow_angle", "shoulder_velocity", "elbow_velocity"))
    torque = {"quantity": "torque", "unit": "N*m", "dt_ns": 1_000_000}
    spiking = [Port("spikes", "out", "spikes", Space.numbered(SHOWN)), Port("learned", "out", "samples", joints, **torque)]
    return [
        Port("target", "in", "samples", Space(("x", "y")), unit="m"),
        Port("senses", "in", "samples", senses),
        Port("torque", "out", "samples", joints, **torque),
        *(spiking if args.mode == "spiking" else []),
    ]


def angles(hand):
    """q* (2,) rad at which the hand is at (2,) m; the elbow bends to the left."""
    cosine = (hand @ hand - UPPER**2 - FOREARM**2) / (2 * UPPER * FOREARM)
    elbow = np.arccos(np.clip(cosine, -1, 1))
    return np.array([np.arctan2(hand[1], hand[0]) - np.arctan2(FOREARM * np.sin(elbow), UPPER + FOREARM * np.cos(elbow)), elbow])


def torque(elbow, acceleration):
    """M(q) a (2,) N m."""
    stretched, bent, forearm = INERTIA
    shared = forearm + bent * np.cos(elbow)
    return np.array([[stretched + 2 * bent * np.cos(elbow), shared], [shared, forearm]]) @ acceleration


def network(args):
    """Three populations; returns the nodes of target, senses, torque and what is learned, and the motor population."""
    import nengo

    kind = nengo.LIF() if args.mode == "spiking" else nengo.Direct()
    felt = np.vstack([[0, 1 / TURN, 0, 0], np.kron([-args.kp, -args.kv], np.eye(2)) / PUSH])
    target = nengo.Node(lambda t, x: (x - CENTRE) / REACH, size_in=2)
    senses = nengo.Node(lambda t, x: x - [*REST, 0, 0], size_in=4)
    command, learned, muscles = (nengo.Node(size_in=2) for _ in range(3))
    goal = nengo.Ensemble(args.neurons, 2, neuron_type=kind)
    motor = nengo.Ensemble(args.neurons, 3, radius=1.2, neuron_type=kind)
    nengo.Connection(target, goal, synapse=None)
    nengo.Connection(goal, motor[1:], function=lambda x: angles(CENTRE + REACH * x) - REST, transform=args.kp / PUSH, synapse=0.1)
    nengo.Connection(senses, motor, transform=felt, synapse=None)
    nengo.Connection(motor, command, function=lambda x: torque(REST[1] + TURN * x[0], PUSH * x[1:]), synapse=0.01)
    for part in (command, learned):
        nengo.Connection(part, muscles, synapse=None)
    if args.learning and args.mode == "spiking":
        memory = nengo.Ensemble(args.neurons, 2, radius=1.2, neuron_type=kind)
        nengo.Connection(senses[:2], memory, transform=1 / TURN, synapse=None)
        rule = nengo.PES(args.learning)
        missing = nengo.Connection(memory, learned, function=lambda x: [0, 0], synapse=0.01, learning_rule_type=rule)
        nengo.Connection(command, missing.learning_rule, transform=-1, synapse=None)
    return target, senses, muscles, learned, motor


def build(args: Brain, seed, sim):
    target, senses, muscles, learned, motor = network(args)
    bindings = {"target": sim.samples_in(target), "senses": sim.samples_in(senses), "torque": sim.samples_out(muscles)}
    if args.mode == "spiking":
        bindings |= {"spikes": sim.spikes_out(motor.neurons[:SHOWN]), "learned": sim.samples_out(learned)}
    return bindings
