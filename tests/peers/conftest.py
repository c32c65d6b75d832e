"""Tests beside other whole-brain simulators: they are skipped where TVB is not installed."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def tvb():
    """TVB, imported quietly: it warns of parts that are not installed."""
    pytest.importorskip("tvb.simulator", reason="TVB is not installed (extra: tvb)")
    pytest.importorskip("tvb_data", reason="tvb-data is not installed (extra: data)")
    from engines.tvb import Tvb

    return Tvb.simulator.load()
