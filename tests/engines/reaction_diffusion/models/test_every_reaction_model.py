"""Every shipped model: its compiled code is the equations of the paper, and its file says where its numbers are from."""

from __future__ import annotations

import numpy as np
import published
import pytest
from one_voxel import Voxel

from engines.reaction_diffusion.chemistry.description import read_reactions, shipped

MODELS = sorted(shipped())
INPUTS = {"V": -31.0, "rate": 17.0}


@pytest.mark.parametrize("model", MODELS)
def test_its_slopes_are_those_of_the_paper(model):
    """At ten states drawn at random, to rounding; volume and area are odd so that no unit of place cancels."""
    voxel = Voxel(model, volume=0.37, area=2.3, inputs={name: INPUTS[name] for name in read_reactions(shipped()[model]).inputs})
    rng = np.random.default_rng(3)
    for values in rng.uniform(0.02, 2.0, (10, len(voxel.names))):
        expected = published.slopes(model, voxel.names, values, voxel.per, INPUTS)
        np.testing.assert_allclose(voxel.slopes(values), expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("model", MODELS)
def test_its_jacobian_is_that_of_its_slopes(model):
    """Central differences of slopes that are smooth: their error is of the order of 1e-16 / 1e-6 and of 1e-12."""
    voxel = Voxel(model, volume=0.37, area=2.3, inputs={name: INPUTS[name] for name in read_reactions(shipped()[model]).inputs})
    values = np.random.default_rng(4).uniform(0.02, 0.9, len(voxel.names))
    found = voxel.jacobian(values)
    for column in range(len(values)):
        step = np.zeros(len(values))
        step[column] = 1e-6 * values[column]
        expected = (voxel.slopes(values + step) - voxel.slopes(values - step)) / (2 * step[column])
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-5, atol=1e-6 * np.abs(found).max())


@pytest.mark.parametrize("model", MODELS)
def test_what_it_claims_is_all_that_is_conserved(model):
    """Claims are checked by the reader; here that no law is missing but of species that nothing changes."""
    voxel = Voxel(model)
    chemistry, described = voxel.chemistry, voxel.described
    changing = np.abs([channel.change for channel in chemistry.channels]).sum(0) > 0 if chemistry.channels else np.zeros(0, bool)
    unmoved = len(described.species) - int(changing.sum())
    claims = np.array([[described.parts.claims[claim].get(name, 0) for name in described.species] for claim in described.conserved])
    moved = claims[:, changing] if len(claims) else np.zeros((0, int(changing.sum())))
    assert len(chemistry.conservation()) - unmoved == (np.linalg.matrix_rank(moved) if moved.size else 0)


@pytest.mark.parametrize("model", MODELS)
def test_every_number_has_a_source_and_every_symbol_a_meaning(model):
    described = read_reactions(shipped()[model])
    assert described.references
    for section in ("parameters", "species", "states", "inputs", "outputs"):
        for name, item in getattr(described, section).items():
            assert item.about, f"{section}.{name}"
    for name, item in described.parameters.items():
        assert item.source or name in ("magnesium", "outside", "temperature", "avogadro", "charge", "boltzmann"), name
    text = " ".join([described.about, *described.references])
    for name, item in described.parameters.items():
        if item.source and item.source[-4:].isdigit():
            first, year = item.source.split()[0], item.source[-4:]
            assert any(line.startswith(first) and f"({year})" in line for line in described.references), (name, item.source, text)
