"""A volley on thalamic fibres: as many spikes as said, layer 4 first, then layers 5 and 2/3, and silence after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cosim.claims import Claim
from cosim.results import Run
from scenarios.microcircuit.measures import PERIOD_MS, VOLLEY_MS, Activity, answer_hz, begins_ms
from scenarios.microcircuit.tables import DELAY_MS, POPULATIONS, THALAMIC_SIZE

VOLLEY_HZ = 120.0


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    result = run()
    spikes, fibres = result.spikes("circuit.spikes"), result.spikes("volley")
    sizes = [len(spikes.groups[name]) for name in POPULATIONS]
    found = Activity.of(spikes.times_ms, spikes.channels, sizes, PERIOD_MS, spikes.stop_ms)
    expected = THALAMIC_SIZE * VOLLEY_HZ * VOLLEY_MS * 1e-3 * int(spikes.stop_ms / PERIOD_MS)
    yield Claim(
        "spikes on the fibres",
        expected=expected,
        measured=float(len(fibres.times_ms)),
        tolerance=3 * expected**0.5,
        source="902 Poisson trains of 120 Hz for 10 ms; tolerance: 3 sd",
    )
    begins = dict(zip(POPULATIONS, begins_ms(found), strict=True))
    for later in ("L23E", "L5E"):
        yield Claim(
            f"how much later than L4E {later} answers",
            expected=DELAY_MS["E"][0] + 0.5,
            measured=float(begins[later] - begins["L4E"]),
            tolerance=1.0,
            source="one excitatory delay of 1.5 ms on average, and some of the 0 to 3 ms in which potentials rise",
            unit="ms",
        )
    times, rates = answer_hz(found)
    rest = rates[times > 100].mean(axis=0)
    after = rates[(times > VOLLEY_MS + 5) & (times < VOLLEY_MS + 15)].mean(axis=0)
    for name in ("L23E", "L4E"):
        k = POPULATIONS.index(name)
        yield Claim(
            f"rate of {name} from 5 to 15 ms after the volley, over that at rest",
            expected=0.0,
            measured=float(after[k] / rest[k]),
            tolerance=0.5,
            source="inhibition that the volley has set off, and potentials that are reset",
        )
