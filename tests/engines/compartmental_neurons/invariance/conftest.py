"""Networks of these tests are small: threads share them here all the same."""

from __future__ import annotations

import pytest

from engines.compartmental_neurons import simulation


@pytest.fixture(autouse=True)
def threads_for_the_smallest_work(monkeypatch):
    monkeypatch.setattr(simulation, "_WORTH_THREADS", 0)
