"""The inside of cables of a morphology: one dimension, with tapers and branches."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from cosim.sdk import CosimError, Params, Unit
from cosim.sdk.units import told
from engines.compartmental_neurons.morphology.regions import AnyRegion as AnyCable
from engines.compartmental_neurons.morphology.source import Form
from engines.reaction_diffusion.geometry.boundaries import Boundary, permeability_of
from engines.reaction_diffusion.geometry.cut_cables import CutCables
from engines.reaction_diffusion.geometry.mesh import Mesh

Length = Annotated[float, Unit("um"), Field(gt=0)]
_MOST = 10_000_000


class Dendrite(Params):
    """The inside of cables, or a shell under their membrane."""

    model_config = ConfigDict(populate_by_name=True)

    morphology: Form
    max_length: Annotated[Length, Field(description="of a voxel along the cable")]
    ends: Annotated[Boundary, Field(description="where no cable goes on, or none that is in")] = "reflecting"
    within: Annotated[AnyCable, Field(alias="in", description="the part that there is, as in compartmental neurons")] = "all"
    shell: Annotated[Length | None, Field(description="thickness of the layer under the membrane; else all of the inside")] = None

    @model_validator(mode="after")
    def _sound(self) -> Dendrite:
        told(self._fits)
        return self

    def _fits(self) -> None:
        length = float(self.morphology.shape().morphology.lengths.sum())
        if self.max_length > length:
            raise CosimError(
                f"voxels of {self.max_length:g} um are longer than all cables together, {length:g} um",
                mend="a smaller max_length",
            )
        if length / self.max_length > _MOST:
            raise CosimError(
                f"a dendrite of {length:g} um in voxels of {self.max_length:g} um takes too much memory",
                why=f"it has {length / self.max_length:.3g} voxels; at most {_MOST:.0e} are given",
                mend="a larger max_length",
            )

    def mesh(self) -> Mesh:
        """Its voxels, parents before children.

        Raises
        ------
        CosimError
            The region of ``in`` has nothing.
        """
        morphology = self.morphology.shape().morphology
        every = np.ones(len(morphology.sections), np.bool_)
        cut = CutCables(morphology, every, self.max_length, self.shell)
        mask = cut.regions().mask(self.within)
        if not mask.any():
            why = f"the cell has nothing in {self.within!r}; its labels are {', '.join(morphology.labels)}"
            raise CosimError("the dendrite has no voxel", why=why, mend="another region under in")
        if not mask.all():  # joints are those of the sections that there are
            every[:] = False
            every[cut.sections[mask]] = True
            cut = CutCables(morphology, every, self.max_length, self.shell)
        return cut.mesh(cut.regions().mask(self.within), permeability_of(self.ends))
