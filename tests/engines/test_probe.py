import numpy as np
import pytest
from pydantic import ValidationError

import cosim
from cosim.sdk import Setup, Window
from cosim.sdk.contract import EngineContract
from engines.probe import Probe

ROW = {"origin": ["30 um", "0 um", "-0.25 mm"], "spacing": "100 um", "count": 4}
AT = [["1 um", "2 um", "3 um"], ["4 um", "5 um", "0.006 mm"]]
TAPE = {"values": [[1.0, 2.0], [3.0, 4.0]], "dt": "1 ms", "unit": "mV", "quantity": "extracellular_potential"}


class TestRow(EngineContract):
    engine = Probe
    params = Probe.Params(origin=(0, 0, 0), spacing=20, count=3)
    bad_params = (
        {"count": 0},
        {"spacing": 0},
        {"spacing": -1},
        {"direction": (0, 0, 0)},
        {"origin": (0, 0, float("nan"))},
        {"no_such_parameter": 1},
    )


class TestOneByOne(EngineContract):
    engine = Probe
    params = Probe.Params(at=[(0, 0, 0), (1, 2, 3)])
    bad_params = ({"at": []}, {"at": [(0, 0)]}, {"origin": (0, 0, 0)}, {"count": 2})


def places(**params):
    (port,) = Probe.ports(Probe.Params(**params))
    return port.space.positions


def test_contacts_of_a_row_lie_one_spacing_apart_along_its_direction():
    assert places(**ROW).tolist() == [[30, 0, -250], [30, 0, -150], [30, 0, -50], [30, 0, 50]]
    slanted = places(**ROW, direction=[3, 0, 4])
    np.testing.assert_allclose(np.diff(slanted, axis=0), np.tile([60.0, 0.0, 80.0], (3, 1)), rtol=1e-14)


def test_contacts_may_be_given_one_by_one():
    assert places(at=[["1 mm", 0, 0], [1, 2, 3]]).tolist() == [[1000, 0, 0], [1, 2, 3]]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "say where the contacts are: origin, spacing, count"),
        ({"origin": (0, 0, 0), "count": 3}, "say where the contacts are: spacing;"),
        ({"at": [(0, 0, 0)], "count": 1}, "not both"),
        ({**ROW, "direction": (0, 0, 0)}, "points nowhere"),
        ({**ROW, "spacing": "1 ms"}, "um"),
    ],
)
def test_what_is_missing_or_too_much_is_told(params, said):
    with pytest.raises(ValidationError, match=said):
        Probe.Params(**params)


def test_it_says_nothing():
    probe = Probe(Probe.Params(**ROW), Setup("probe", 1_000_000, 1))
    assert probe.advance(Window(0, 1_000_000), {}) == {}


def hears(tmp_path, tape=TAPE, **params):
    scenario = {
        "cosim": 1,
        "about": {"name": "probe"},
        "clock": {"stop": "2 ms"},
        "engines": {
            "tape": {"use": "player", "window": "1 ms", "params": tape},
            "probe": {"use": "probe", "window": "2 ms", "params": {"at": AT, **params}},
        },
        "links": {"lfp": {"from": "tape.out", "to": "probe.potential", "record": True}},
    }
    return cosim.run(scenario, out=tmp_path, transport="inline").samples("lfp")


def test_what_is_recorded_on_its_way_is_in_its_unit_and_has_its_places(tmp_path):
    heard = hears(tmp_path)
    assert (heard.unit, heard.labels) == ("uV", ("contact0", "contact1"))
    np.testing.assert_allclose(heard.values, [[1000, 2000], [3000, 4000]])
    assert heard.positions_um.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_it_may_listen_to_something_else(tmp_path):
    heard = hears(tmp_path, {**TAPE, "unit": "mM", "quantity": "concentration"}, quantity="concentration", unit="uM")
    assert (heard.unit, heard.values[1, 1]) == ("uM", pytest.approx(4000.0))


def test_a_quantity_that_it_does_not_listen_to_is_refused(tmp_path):
    with pytest.raises(cosim.CosimError, match="current"):
        hears(tmp_path, {**TAPE, "unit": "nA", "quantity": "current"})
