"""SBML's semantic test suite: a case is refused, or comes out as the suite says.

Runs where COSIM_SBML_SUITE is the folder ``cases/semantic`` of https://github.com/sbmlteam/sbml-test-suite.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from small_chemistry import Interpreted, placed

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor
from engines.reaction_diffusion.chemistry.chemistry import Chemistry
from engines.reaction_diffusion.chemistry.description import read_reactions
from engines.reaction_diffusion.chemistry.measures import measures_of
from engines.reaction_diffusion.chemistry.sbml_amounts import Amounts
from engines.reaction_diffusion.chemistry.sbml_file import SbmlFile

SUITE = os.environ.get("COSIM_SBML_SUITE")
if SUITE is None:
    pytest.skip("COSIM_SBML_SUITE names no folder of cases", allow_module_level=True)
pytest.importorskip("libsbml", reason="python-libsbml is not installed")
CASES = sorted(path for path in Path(SUITE).iterdir() if (path / f"{path.name}-settings.txt").exists())
LEVELS = ("l3v2", "l3v1", "l2v5", "l2v4", "l2v1", "l1v2")
VOXEL = measures_of(1e-18, 0.0)


def settings_of(case):
    lines = (case / f"{case.name}-settings.txt").read_text(encoding="utf-8").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def table_of(case):
    with (case / f"{case.name}-results.csv").open(encoding="utf-8") as file:
        head, *rows = (row for row in csv.reader(file) if row)
    return [name.strip() for name in head], np.array(rows, np.float64)


class Solved:
    """A case solved by the code of its chemistry; its variables as the suite wants them."""

    def __init__(self, path, described, settings, times):
        file = SbmlFile(path.name, path.read_bytes())
        self.model, self.amounts, self.described, self.settings = file.model, Amounts(file), described, settings
        self.run = Interpreted(Chemistry.of([placed(described)], []))
        measures = VOXEL[self.run.chemistry.measures]
        species = [item.initial * si_factor(item.unit) for item in described.species.values()] * measures
        start = np.concatenate([species, [item.initial for item in described.states.values()]])
        seconds = times * self.amounts.seconds
        found = solve_ivp(
            lambda _, x: self.run.slopes(x, m=VOXEL), (seconds[0], seconds[-1]), start, "LSODA", seconds,
            jac=lambda _, x: self.run.jacobian(x, m=VOXEL), rtol=1e-8, atol=1e-10 * max(1e-30, np.abs(start).max()),
        )  # fmt: skip
        self.x, self.times, self.measures = found.y, seconds, measures

    def variable(self, name):
        names, chemistry = [*self.described.species, *self.described.states], self.run.chemistry
        if name in names:
            found = self.x[names.index(name)]
            if name in self.described.species:
                factor = self.amounts.symbol_factor(self.model.getSpecies(name))
                found = found / self.measures[names.index(name)] * factor
        elif f"a.{name}" in chemistry.outputs:
            place = chemistry.outputs.index(f"a.{name}")
            found = np.array([self.run.observe(x, m=VOXEL)[place] for x in self.x.T])
        else:
            is_size = self.model.getCompartment(name) is not None
            found = np.full(len(self.times), self.amounts.size(name) if is_size else self.described.parameters[name].default)
        return self._as_wanted(name, found)

    def _as_wanted(self, name, found):
        species = self.model.getSpecies(name)
        if species is None:
            return found
        size, is_amount = self.amounts.size(species.getCompartment()), species.getHasOnlySubstanceUnits()
        if name in self._listed("amount") and not is_amount:
            return found * size
        return found / size if name in self._listed("concentration") and is_amount else found

    def _listed(self, key):
        return {part.strip() for part in self.settings.get(key, "").split(",")}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_that_is_read_comes_out_as_the_suite_says(case):
    path = next(path for level in LEVELS if (path := case / f"{case.name}-sbml-{level}.xml").exists())
    try:
        described = read_reactions(path)
    except CosimError as error:
        pytest.skip(f"refused: {error}")
    settings, (head, table) = settings_of(case), table_of(case)
    solved = Solved(path, described, settings, table[:, 0])
    for column, name in enumerate(head[1:], 1):
        np.testing.assert_allclose(
            solved.variable(name), table[:, column], rtol=float(settings["relative"]), atol=float(settings["absolute"])
        )
