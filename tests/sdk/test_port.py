"""Selectors name channels; a name that is not there is answered with the near ones."""

import numpy as np
import pytest

from cosim.sdk import CosimError, Port, Space

SPACE = Space(("lV1", "lV2", "rV1", "rV2", "10"), {"left": (0, 1), "right": (2, 3), "visual": (0, 2), "lV2": (3,)})


@pytest.mark.parametrize(
    ("selector", "rows"),
    [
        ("rV1", [2]),
        ("right", [2, 3]),
        (["rV2", "left"], [3, 0, 1]),
        ("*V1", [0, 2]),
        ("r*", [2, 3]),  # a glob of groups comes before a glob of labels
        ("*t", [0, 1, 2, 3]),
        ("*l*", [0, 1, 2, 3]),  # left, visual and lV2 overlap: each channel once, in order of the groups
        ("0:2", [0, 1]),
        ("::2", [0, 2, 4]),
        ("-2:", [3, 4]),
        ("::-1", [4, 3, 2, 1, 0]),
        ("*", [0, 1, 2, 3, 4]),
        ("10", [4]),
        (10, [4]),
        ("lV2", [3]),  # a group before a label
        ([], []),
    ],
)
def test_a_selector_is_a_group_a_label_a_glob_a_slice_or_a_list(selector, rows):
    found = SPACE.select(selector)
    if selector == "*l*":
        assert sorted(found.tolist()) == rows
    else:
        assert found.tolist() == rows
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("selector", "mend"),
    [("lV3", "lV1"), ("rigth", "right"), ("zzz*", "glob"), ("7:9", "slice"), ("0:3:0", "slice"), ("11", "10"), (["lV1", "no"], "")],
)
def test_a_channel_that_is_not_there_is_answered_with_near_names(selector, mend):
    with pytest.raises(CosimError, match="no channel is called") as caught:
        SPACE.select(selector)
    assert mend in caught.value.mend
    assert "there are 5 channels: lV1, lV2" in caught.value.why
    assert "groups: left, right, visual, lV2" in caught.value.why


def test_many_channels_are_named_in_part():
    with pytest.raises(CosimError) as caught:
        Space.numbered(100).select("x")
    assert "0, 1, 2, 3, 4 … 99" in caught.value.why


def test_taken_channels_keep_their_labels_groups_and_positions():
    space = Space(("a", "b", "c"), {"ends": (0, 2), "middle": (1,)}, np.arange(9.0).reshape(3, 3))
    taken = space.take(np.array([2, 0]))
    assert taken.labels == ("c", "a")
    assert taken.groups == {"ends": (1, 0)}
    assert taken.positions.tolist() == [[6, 7, 8], [0, 1, 2]]
    assert len(taken) == 2


def test_a_port_says_what_it_carries():
    port = Port("rate", "out", "samples", Space.numbered(76), "firing_rate", "Hz")
    assert port.describe() == "samples of firing_rate in Hz, 76 channels"
    assert port.but(kind="spikes", space=Space.numbered(1)).describe() == "spikes, 1 channel"
    assert Port("x", "in", "samples", Space.numbered(2)).describe() == "samples of anything in 1, 2 channels"
    assert port.but(name="x").space is port.space
