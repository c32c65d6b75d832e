"""Channels and cells of NeuroML 2 for tests, and runs of them by jNeuroML."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEAD = '<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="{id}">\n'

CHANNELS = (
    HEAD.format(id="channels")
    + """
<ionChannelPassive id="leak" conductance="10pS"/>

<ionChannelHH id="na" conductance="10pS" species="na">
    <notes>Sodium of the squid axon</notes>
    <gateHHrates id="m" instances="3">
        <q10Settings type="q10ExpTemp" q10Factor="3" experimentalTemp="6.3 degC"/>
        <forwardRate type="HHExpLinearRate" rate="1per_ms" midpoint="-40mV" scale="10mV"/>
        <reverseRate type="HHExpRate" rate="4per_ms" midpoint="-65mV" scale="-18mV"/>
    </gateHHrates>
    <gate id="h" type="gateHHrates" instances="1">
        <q10Settings type="q10ExpTemp" q10Factor="3" experimentalTemp="6.3 degC"/>
        <forwardRate type="HHExpRate" rate="70per_s" midpoint="-0.065V" scale="-20mV"/>
        <reverseRate type="HHSigmoidRate" rate="1per_ms" midpoint="-35mV" scale="10mV"/>
    </gate>
</ionChannelHH>

<ionChannelHH id="k" conductance="10pS" species="k">
    <gateHHrates id="n" instances="4">
        <q10Settings type="q10ExpTemp" q10Factor="3" experimentalTemp="6.3 degC"/>
        <forwardRate type="HHExpLinearRate" rate="0.1per_ms" midpoint="-55mV" scale="10mV"/>
        <reverseRate type="HHExpRate" rate="0.125per_ms" midpoint="-65mV" scale="-80mV"/>
    </gateHHrates>
</ionChannelHH>

<ionChannelHH id="ca" conductance="10pS" species="ca">
    <gateHHtauInf id="e" instances="2">
        <q10Settings type="q10Fixed" fixedQ10="1.5"/>
        <timeCourse type="fixedTimeCourse" tau="1.2 ms"/>
        <steadyState type="HHSigmoidVariable" rate="1" scale="6.7 mV" midpoint="-20 mV"/>
    </gateHHtauInf>
    <byCalcium id="h" instances="1" alpha="0.8" ca_half="6e-4 mM" k="-1e-4 mM"/>
</ionChannelHH>

<ionChannelHH id="mixed" conductance="10pS" species="k">
    <q10ConductanceScaling q10Factor="1.4" experimentalTemp="16.3degC"/>
    <gateHHratesTau id="a" instances="1">
        <forwardRate type="HHExpRate" rate="0.2per_ms" midpoint="-50mV" scale="25mV"/>
        <reverseRate type="HHExpRate" rate="0.1per_ms" midpoint="-50mV" scale="-25mV"/>
        <timeCourse type="bySum"/>
    </gateHHratesTau>
    <gateHHratesInf id="b" instances="2">
        <forwardRate type="HHSigmoidRate" rate="0.4per_ms" midpoint="-45mV" scale="8mV"/>
        <reverseRate type="HHExpRate" rate="0.1per_ms" midpoint="-60mV" scale="-30mV"/>
        <steadyState type="HHSigmoidVariable" rate="1" midpoint="-48mV" scale="9mV"/>
    </gateHHratesInf>
    <gateHHratesTauInf id="c" instances="1">
        <forwardRate type="HHSigmoidRate" rate="0.4per_ms" midpoint="-45mV" scale="8mV"/>
        <reverseRate type="HHExpRate" rate="0.1per_ms" midpoint="-60mV" scale="-30mV"/>
        <timeCourse type="bySum"/>
        <steadyState type="HHSigmoidVariable" rate="1" midpoint="-55mV" scale="-30mV"/>
    </gateHHratesTauInf>
    <gateHHInstantaneous id="d" instances="1">
        <steadyState type="HHSigmoidVariable" rate="1" midpoint="-60mV" scale="12mV"/>
    </gateHHInstantaneous>
</ionChannelHH>

<ionChannelHH id="fractional" conductance="10pS" species="k">
    <gateFractional id="f" instances="2">
        <q10Settings type="q10ExpTemp" q10Factor="2" experimentalTemp="16.3degC"/>
        <subGate id="fast" fractionalConductance="0.7">
            <steadyState type="HHSigmoidVariable" rate="1" midpoint="-45mV" scale="9mV"/>
            <timeCourse type="fixedTimeCourse" tau="2ms"/>
        </subGate>
        <subGate id="slow" fractionalConductance="0.3">
            <steadyState type="HHSigmoidVariable" rate="1" midpoint="-45mV" scale="9mV"/>
            <timeCourse type="fixedTimeCourse" tau="30ms"/>
        </subGate>
    </gateFractional>
</ionChannelHH>

<ionChannelKS id="scheme" conductance="10pS" species="k">
    <gateKS id="s" instances="1">
        <closedState id="c1"/>
        <closedState id="c2"/>
        <openState id="o1"/>
        <forwardTransition id="f1" from="c1" to="c2">
            <rate type="HHExpRate" rate="0.3per_ms" midpoint="-50mV" scale="20mV"/>
        </forwardTransition>
        <reverseTransition id="r1" from="c1" to="c2">
            <rate type="HHExpRate" rate="0.2per_ms" midpoint="-50mV" scale="-20mV"/>
        </reverseTransition>
        <vHalfTransition id="v1" from="c2" to="o1" vHalf="-45mV" z="2" gamma="0.4" tau="3ms" tauMin="0.2ms"/>
    </gateKS>
</ionChannelKS>

<ionChannelKS id="rested" conductance="10pS" species="k">
    <gateKS id="s" instances="2">
        <closedState id="c1"/>
        <openState id="o1"/>
        <tauInfTransition id="t1" from="c1" to="o1">
            <steadyState type="HHSigmoidVariable" rate="1" midpoint="-45mV" scale="9mV"/>
            <timeCourse type="fixedTimeCourse" tau="4ms"/>
        </tauInfTransition>
    </gateKS>
</ionChannelKS>

<ionChannelHH id="shifted" conductance="10pS" species="k">
    <gate id="n" type="gateHHtauInf" instances="1">
        <timeCourse type="fixedTimeCourse" tau="2ms"/>
        <steadyState type="withShift"/>
    </gate>
</ionChannelHH>

<decayingPoolConcentrationModel id="pool" ion="ca" restingConc="1e-4 mM" decayConstant="20 ms" shellThickness="0.2 um"/>
<fixedFactorConcentrationModel id="factor" ion="ca" restingConc="1e-4 mM" decayConstant="15 ms" rho="0.3 mol_per_m_per_A_per_s"/>
<concentrationModel id="own" type="ownPool" ion="ca" floor="1e-4 mM" decay="10 ms" depth="0.1 um" gamma="0.002"/>

<ComponentType name="byCalcium" extends="gateHHtauInf">
    <Parameter name="alpha" dimension="none"/>
    <Parameter name="k" dimension="concentration"/>
    <Parameter name="ca_half" dimension="concentration"/>
    <Constant name="SEC" dimension="time" value="1s"/>
    <Requirement name="caConc" dimension="concentration"/>
    <Dynamics>
        <DerivedVariable name="rateScale" exposure="rateScale" dimension="none" value="1"/>
        <DerivedVariable name="inf" dimension="none" exposure="inf" value="1 / (1 + exp((ca_half - caConc) / k))"/>
        <DerivedVariable name="tau" dimension="time" exposure="tau" value="0 * SEC"/>
        <DerivedVariable name="q" exposure="q" dimension="none" value="inf"/>
        <DerivedVariable name="fcond" exposure="fcond" dimension="none" value="1 + ((q-1) * alpha)"/>
    </Dynamics>
</ComponentType>

<ComponentType name="bySum" extends="baseVoltageDepTime">
    <Constant name="TIME_SCALE" dimension="time" value="1 ms"/>
    <Constant name="VOLT_SCALE" dimension="voltage" value="1 mV"/>
    <Requirement name="alpha" dimension="per_time"/>
    <Requirement name="beta" dimension="per_time"/>
    <Dynamics>
        <DerivedVariable name="V" dimension="none" value="v / VOLT_SCALE"/>
        <DerivedVariable name="SUM" dimension="none" value="(alpha + beta) * TIME_SCALE"/>
        <ConditionalDerivedVariable name="t" exposure="t" dimension="time">
            <Case condition="V .lt. ( -70 )" value="5 * TIME_SCALE"/>
            <Case condition="V .geq. ( -70 ) .and. SUM .gt. 0" value="(1 + 1 / SUM^2) * TIME_SCALE"/>
            <Case value="1 * TIME_SCALE"/>
        </ConditionalDerivedVariable>
    </Dynamics>
</ComponentType>

<ComponentType name="withShift" extends="baseVoltageDepVariable">
    <Constant name="VOLT_SCALE" dimension="voltage" value="1 mV"/>
    <Requirement name="vShift" dimension="voltage"/>
    <Dynamics>
        <DerivedVariable name="V" dimension="none" value="(v - vShift) / VOLT_SCALE"/>
        <DerivedVariable name="x" exposure="x" dimension="none" value="1 / (1 + exp(0 - (V + 45) / 9))"/>
    </Dynamics>
</ComponentType>

<ComponentType name="ownPool" extends="concentrationModel">
    <Parameter name="gamma" dimension="none"/>
    <Parameter name="floor" dimension="concentration"/>
    <Parameter name="decay" dimension="time"/>
    <Parameter name="depth" dimension="length"/>
    <Constant name="Faraday" dimension="charge_per_mole" value="96485.3C_per_mol"/>
    <Requirement name="iCa" dimension="current"/>
    <Text name="ion"/>
    <Dynamics>
        <StateVariable name="concentration" exposure="concentration" dimension="concentration"/>
        <StateVariable name="extConcentration" exposure="extConcentration" dimension="concentration"/>
        <DerivedVariable name="density" dimension="currentDensity" value="iCa / surfaceArea"/>
        <TimeDerivative variable="concentration" value="(density*gamma/(2*Faraday*depth)) - ((concentration - floor) / decay)"/>
        <OnStart>
            <StateAssignment variable="concentration" value="initialConcentration"/>
            <StateAssignment variable="extConcentration" value="initialExtConcentration"/>
        </OnStart>
    </Dynamics>
</ComponentType>
</neuroml>
"""
)

LEAKY = '<channelDensity id="l" ionChannel="leak" condDensity="0.3 mS_per_cm2" erev="-54.3 mV" ion="non_specific"/>'
RESTING = '<channelDensity id="l" ionChannel="leak" condDensity="0.1 mS_per_cm2" erev="-65 mV" ion="non_specific"/>'
SQUID = (
    '<channelDensity id="d1" ionChannel="na" condDensity="120 mS_per_cm2" erev="50 mV" ion="na"/>'
    '<channelDensity id="d2" ionChannel="k" condDensity="360 S_per_m2" erev="-77 mV" ion="k"/>'
)
SPECIES = (
    '<species id="ca" ion="ca" concentrationModel="{model}" initialConcentration="{start} mM" initialExtConcentration="2 mM"/>'
)


def _of_k(channel: str, density: float) -> str:
    return f'<channelDensity id="of_{channel}" ionChannel="{channel}" condDensity="{density} mS_per_cm2" erev="-80 mV" ion="k"/>'


CELLS = {
    "squid": (SQUID + LEAKY, ""),
    "mixed": (_of_k("mixed", 2.0) + RESTING, ""),
    "fractional": (_of_k("fractional", 1.0) + RESTING, ""),
    "schemes": (_of_k("scheme", 0.5) + _of_k("rested", 0.5) + RESTING, ""),
    "shifted": (_of_k("shifted", 1.0).replace("Density ", "DensityVShift ", 1).replace("/>", ' vShift="7 mV"/>') + RESTING, ""),
    "ohmic": (
        '<channelDensity id="d" ionChannel="ca" condDensity="0.08 mS_per_cm2" erev="120 mV" ion="ca"/>' + RESTING,
        SPECIES.format(model="pool", start="2e-4"),
    ),
    "nernst": (
        '<channelDensityNernst id="d" ionChannel="ca" condDensity="0.08 mS_per_cm2" ion="ca"/>' + RESTING,
        SPECIES.format(model="factor", start="1e-4"),
    ),
    "ghk": (
        '<channelDensityGHK id="d" ionChannel="ca" permeability="1e-5 cm_per_s" ion="ca"/>' + RESTING,
        SPECIES.format(model="own", start="1e-4"),
    ),
    "ghk2": (
        '<channelDensityGHK2 id="d" ionChannel="ca" condDensity="2 mS_per_cm2" ion="ca"/>' + RESTING,
        SPECIES.format(model="own", start="1e-4"),
    ),
}  # fmt: skip
"""By name: what is in the membrane, and inside."""


def cell_text(name: str) -> str:
    """A cylinder of 20 µm by 20 µm."""
    membrane, inside = CELLS[name]
    return f"""
<cell id="{name}_cell">
    <morphology id="m_{name}">
        <segment id="0" name="soma">
            <proximal x="0" y="0" z="0" diameter="20"/>
            <distal x="20" y="0" z="0" diameter="20"/>
        </segment>
    </morphology>
    <biophysicalProperties id="b_{name}">
        <membraneProperties>
            {membrane}
            <spikeThresh value="0 mV"/>
            <specificCapacitance value="1.0 uF_per_cm2"/>
            <initMembPotential value="-65 mV"/>
        </membraneProperties>
        <intracellularProperties>
            {inside}
            <resistivity value="0.1 kohm_cm"/>
        </intracellularProperties>
    </biophysicalProperties>
</cell>"""


def write_files(folder: Path) -> Path:
    """The channels' and the cells' file, the latter given."""
    (folder / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    cells = HEAD.format(id="cells") + '<include href="channels.nml"/>' + "".join(map(cell_text, CELLS)) + "\n</neuroml>\n"
    (folder / "cells.nml").write_text(cells, encoding="utf-8")
    return folder / "cells.nml"


def jneuroml() -> Path | None:
    """jNeuroML's jar of the installed pyNeuroML, where there is java too."""
    found = importlib.util.find_spec("pyneuroml")
    if found is None or found.origin is None or shutil.which("java") is None:
        return None
    return next(iter(sorted((Path(found.origin).parent / "lib").glob("jNeuroML*.jar"))), None)


def run_jneuroml(jar: Path, folder: Path, until_ms: float, dt_ms: float, celsius: float) -> dict[str, NDArray[np.float64]]:
    """(rows,) of V in mV of every cell, under 0.2 nA, from time 0 on; and of the concentrations in mM."""
    write_files(folder)
    populations = "".join(f'<population id="p_{name}" component="{name}_cell" size="1"/>' for name in CELLS)
    inputs = "".join(f'<explicitInput target="p_{name}[0]" input="push"/>' for name in CELLS)
    network = (
        HEAD.format(id="net") + '<include href="channels.nml"/><include href="cells.nml"/>'
        f'<pulseGenerator id="push" delay="0ms" duration="1000ms" amplitude="0.2nA"/>'
        f'<network id="net" type="networkWithTemperature" temperature="{celsius}degC">{populations}{inputs}</network></neuroml>'
    )
    (folder / "net.nml").write_text(network, encoding="utf-8")
    columns = [f'<OutputColumn id="v_{name}" quantity="p_{name}[0]/v"/>' for name in CELLS]
    columns += [f'<OutputColumn id="c_{name}" quantity="p_{name}[0]/caConc"/>' for name, (_, inside) in CELLS.items() if inside]
    lems = (
        '<Lems><Target component="sim"/><Include file="Cells.xml"/><Include file="Networks.xml"/><Include file="Simulation.xml"/>'
        f'<Include file="net.nml"/><Simulation id="sim" length="{until_ms}ms" step="{dt_ms}ms" target="net">'
        f'<OutputFile id="o" fileName="out.dat">{"".join(columns)}</OutputFile></Simulation></Lems>'
    )
    (folder / "LEMS_sim.xml").write_text(lems, encoding="utf-8")
    ran = subprocess.run(
        ["java", "-Xmx400M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", str(jar), "LEMS_sim.xml", "-nogui"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (folder / "out.dat").exists(), ran.stdout + ran.stderr
    rows = np.loadtxt(folder / "out.dat")
    names = [*CELLS, *(f"{name}.ca" for name, (_, inside) in CELLS.items() if inside)]
    found = {name: rows[:, 1 + k] * (1e3 if k < len(CELLS) else 1.0) for k, name in enumerate(names)}
    return found | {"t": rows[:, 0] * 1e3}
