"""What is claimed of more than one regime: neurons by themselves against formulas, the network against the paper's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cosim.claims import Claim
from cosim.results import Run
from scenarios.brunel.measures import Activity
from scenarios.brunel.theory import DT_S, EXCITATORY, INHIBITORY, KICK, Regime, siegert_hz, variation

RunScenario = Callable[..., Run]


def activity(run: RunScenario, start_ms: float, stop_ms: float, settings: Mapping[str, Any] | None = None) -> Activity:
    """Spikes of a run after its start."""
    spikes = run({**(settings or {}), "clock.stop": f"{stop_ms:g} ms", "record.streams": ["network.spikes"]}).spikes(
        "network.spikes"
    )
    return Activity.of(spikes.times_ms, spikes.channels, len(spikes.labels), start_ms, stop_ms)


def neurons_alone(run: RunScenario, regime: Regime) -> Iterator[Claim]:
    """Neurons that hear Poisson spikes, at the rates of the mean field, in place of each other."""
    rate_hz = regime.rate_hz()
    heard = {
        "excitation": {"rate": f"{regime.outside_hz + EXCITATORY * rate_hz!r} Hz", "weight": f"{KICK} mV"},
        "inhibition": {"rate": f"{INHIBITORY * rate_hz!r} Hz", "weight": f"{-regime.g * KICK!r} mV"},
    }
    settings: dict[str, Any] = {f"engines.network.params.populations.{name}.poisson": heard for name in ("E", "I")}
    found = activity(run, 200, 2200, {**settings, "engines.network.params.projections": {}})
    moments = regime.moments(rate_hz)
    expected, later = (siegert_hz(*moments, more, DT_S) for more in (0.0, KICK))
    yield Claim(
        "12 500 neurons that hear Poisson spikes of the mean field's rates: rate",
        expected=expected,
        measured=found.rate_hz(),
        tolerance=expected - later,  # a kick takes the potential beyond the threshold by as much at most; the count has 0.3 %
        source="Siegert's formula, threshold looked at every 0.1 ms; tolerance: a threshold higher by one kick of 0.1 mV",
        unit="Hz",
    )
    yield Claim(
        "the same neurons: CV of their intervals",
        expected=variation(*moments, 0.0, DT_S),
        measured=found.irregularity(),
        tolerance=0.03,
        source="Brunel's formula, threshold looked at every 0.1 ms; tolerance: kicks of 0.1 mV up and of g times as much down",
    )


def of_paper(
    found: Activity, rate_hz: float, rhythm_hz: float, variation: float, spreads: tuple[float, float, float]
) -> Iterator[Claim]:
    """Rate, rhythm and CV; spreads are standard deviations from seed to seed."""
    yield Claim(
        "rate of the network",
        expected=rate_hz,
        measured=found.rate_hz(),
        tolerance=3 * 2**0.5 * spreads[0],
        source="simulated by Brunel (2000), figure 8; tolerance: 3 sd of the difference of two seeds",
        unit="Hz",
    )
    yield Claim(
        "rhythm of the network",
        expected=rhythm_hz,
        measured=found.rhythm_hz(),
        tolerance=3 * 2**0.5 * spreads[1],
        source="simulated by Brunel (2000), figure 8; tolerance: 3 sd of the difference of two seeds",
        unit="Hz",
    )
    yield Claim(
        "CV of the intervals",
        expected=variation,
        measured=found.irregularity(),
        tolerance=3 * 2**0.5 * spreads[2],
        source="NEST 3.10 from the same numbers; tolerance: 3 sd of the difference of two seeds",
    )
