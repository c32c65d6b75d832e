"""The motor circuit of C. elegans as NeuroML, written by c302: ``python make_network.py FOLDER``.

All 69 motor neurons of the ventral cord of the classes A, B, AS and D, two pairs of command neurons, and the 95 muscles of the body
wall, with every synapse between them in the connectome of White et al. (1986) as c302 reads it. Cells are c302's parameter set A:
integrate-and-fire, with synapses of two exponentials; its authors call its numbers blind guesses.
"""

import sys

CLASSES = {"DA": 9, "DB": 7, "VA": 12, "VB": 11, "AS": 11, "DD": 6, "VD": 13}
COMMAND = ["AVBL", "AVBR", "PVCL", "PVCR"]
CELLS = [f"{name}{i + 1}" for name, count in CLASSES.items() for i in range(count)] + COMMAND


def write(folder: str) -> None:
    """``worm.net.nml``, and ``LEMS_worm.xml`` that runs it."""
    import c302
    from c302.parameters_A import ParameterisedModel

    reader = "cect.readers.SpreadsheetDataReader"
    c302.generate(
        "worm", ParameterisedModel(), data_reader=reader, cells=CELLS, muscles_to_include=None, dt=0.05, target_directory=folder
    )


if __name__ == "__main__":
    write(sys.argv[1])
