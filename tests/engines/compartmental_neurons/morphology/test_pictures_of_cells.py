"""Pictures: rectangles as wide as the compartments, coloured by their values."""

from __future__ import annotations

import importlib
import io

import numpy as np
import pytest

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.compartments import cut
from engines.compartmental_neurons.morphology.drawing import draw, outlines, scale_bar
from engines.compartmental_neurons.morphology.generators import Cable, Rall


@pytest.fixture
def tree():
    return cut(Rall(levels=3, length=50, diameter=4).shape().morphology, 2, 1.0)


def area_of(corners):
    """(m,) of polygons, by the shoelace formula."""
    x, y = corners[..., 0], corners[..., 1]
    return np.abs(np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1)) / 2


def test_rectangles_are_as_long_and_wide_as_their_compartments(tree):
    corners, owners = outlines(tree)
    assert corners.shape == (2 * 14, 4, 2)
    np.testing.assert_allclose(area_of(corners), tree.diameter[owners] * tree.length[owners] / 2)
    assert (tree.area[owners] > 0).all()


def test_a_cable_seen_end_on_is_a_point():
    cable = cut(Cable(length=10, diameter=2).shape().morphology, 1, 1.0)
    corners, _ = outlines(cable, axes=(1, 2))
    np.testing.assert_array_equal(corners, 0)


def test_a_picture_holds_the_value_of_every_compartment(tree):
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed (extra: plot)")
    figure = figures.Figure()
    ax = figure.subplots()
    drawn = draw(ax, tree, np.arange(tree.count), cmap="magma", clim=(0, 20))
    scale_bar(ax, 20)
    figure.savefig(io.BytesIO())
    _, owners = outlines(tree)
    np.testing.assert_array_equal(drawn.get_array(), owners)
    assert drawn.get_clim() == (0, 20)
    colours = {tuple(colour) for colour in drawn.get_facecolors()}
    assert len(colours) == 14
    assert ax.get_aspect() == 1
    left, right = ax.get_xlim()
    assert left <= 0 < 100 < right


def test_a_picture_without_values_has_one_colour(tree):
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed (extra: plot)")
    drawn = draw(figures.Figure().subplots(), tree, color="black")
    assert {tuple(colour) for colour in drawn.get_facecolors()} == {(0, 0, 0, 1)}


def test_values_of_another_cell_are_refused(tree):
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed (extra: plot)")
    with pytest.raises(ValueError, match="values have the shape"):
        draw(figures.Figure().subplots(), tree, np.zeros(3))


def test_without_matplotlib_the_error_says_what_to_install(tree, monkeypatch):
    def none(name, *rest):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", none)
    with pytest.raises(CosimError) as caught:
        draw(None, tree)
    assert caught.value.mend == "pip install matplotlib"
