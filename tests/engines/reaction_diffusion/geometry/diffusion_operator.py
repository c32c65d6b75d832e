"""What faces and walls of a mesh do to concentrations, as a matrix; and its decays, which closed forms know."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh

from engines.reaction_diffusion.geometry.diffusion import faces_of, walls_of
from engines.reaction_diffusion.geometry.source import Space

M3_S = 1e-15  # of um³/ms


def mesh_of(**space):
    """Of parameters in um and ms."""
    return Space.model_validate(space).mesh()


def operator_of(mesh, diffusion, barriers=None, regions=None):
    """(voxels, voxels) um³/ms: what comes into each voxel for given concentrations; the row is the receiver."""
    faces = faces_of(mesh, diffusion, barriers or {}, regions or {}) / M3_S
    found = sparse.csr_matrix((mesh.count, mesh.count))
    for line, passed in zip(mesh.axes, faces, strict=True):
        voxels = np.flatnonzero(passed)
        parents = line.parent[voxels]
        assert (parents >= 0).all()
        assert (parents < voxels).all()
        pairs = (np.concatenate([voxels, parents]), np.concatenate([parents, voxels]))
        links = sparse.csr_matrix((np.concatenate([passed[voxels]] * 2), pairs), shape=found.shape)
        found = found + links - sparse.diags(np.asarray(links.sum(axis=1)).ravel())
    return (found - sparse.diags(walls_of(mesh, diffusion).sum(axis=0) / M3_S)).tocsr()


def decays_of(mesh, diffusion, count=6, **more):
    """(count,) 1/ms: the slowest decays of concentrations, V dc/dt = A c, in order."""
    active = mesh.active
    scale = sparse.diags(mesh.volumes[active] ** -0.5)
    matrix = -(scale @ operator_of(mesh, diffusion, **more)[active][:, active] @ scale)
    if matrix.shape[0] < 200:
        return np.linalg.eigvalsh(matrix.toarray())[:count]
    first = np.linspace(1.0, 2.0, matrix.shape[0])  # ARPACK's own is random
    return np.sort(eigsh(matrix.tocsc(), k=count, sigma=-1e-3, which="LM", v0=first, return_eigenvectors=False))


def order_between(errors, spacings):
    """By how many powers of the spacing the first error is larger than the last."""
    return np.log(abs(errors[0] / errors[-1])) / np.log(spacings[0] / spacings[-1])


def nearest(values, wanted):
    return values[np.argmin(np.abs(values - wanted))]
