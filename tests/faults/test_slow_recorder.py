"""A coordinator that is slower than the workers: nothing of what they recorded is lost."""

from __future__ import annotations

import time

import cosim
from cosim.runtime.transports.zeromq import Hub

ENGINE = {"use": "player", "window": "1 ms", "params": {"values": [[k % 7] for k in range(400)], "dt": "1 ms"}}
SCENARIO = {
    "cosim": 1,
    "about": {"name": "slow"},
    "clock": {"stop": "400 ms"},
    "engines": {"a": ENGINE, "b": ENGINE},
    "links": {},
    "record": {"streams": ["a.out", "b.out"]},
}


def test_workers_that_are_done_stay_until_the_last_record_is_taken(monkeypatch, tmp_path):
    """libzmq drops what is on its way to a full socket when its other end goes: some hundred records are, at the end."""
    record = Hub.record

    def slowly(self):
        found = record(self)
        if found is not None:
            time.sleep(0.004)
        return found

    monkeypatch.setattr(Hub, "record", slowly)
    run = cosim.run(SCENARIO, out=tmp_path / "run", transport="zeromq", processes=2)
    for name in ("a.out", "b.out"):
        assert run.samples(name).values[:, 0].tolist() == [k % 7 for k in range(400)]
