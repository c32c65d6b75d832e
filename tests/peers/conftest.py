"""Tests beside other simulators: each is skipped where the simulator is not installed."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def tvb(request: pytest.FixtureRequest):
    """TVB for the modules that are named after it, imported quietly: it warns of parts that are not installed."""
    if not request.path.stem.startswith("test_tvb"):
        return None
    pytest.importorskip("tvb.simulator", reason="TVB is not installed (extra: tvb)")
    pytest.importorskip("tvb_data", reason="tvb-data is not installed (extra: data)")
    from engines.tvb import Tvb

    return Tvb.simulator.load()
