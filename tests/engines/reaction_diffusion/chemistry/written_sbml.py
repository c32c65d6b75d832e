"""SBML written by tests."""

from __future__ import annotations


def apply(operation, *parts):
    return f"<apply><{operation}/>{''.join(part if part.startswith('<') else leaf(part) for part in parts)}</apply>"


def leaf(text):
    return f"<cn>{text}</cn>" if text[0].isdigit() else f"<ci>{text}</ci>"


def times(*parts):
    return apply("times", *parts)


def mathml(formula):
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{formula}</math>'


def side(tag, names):
    def one(name):
        name, _, count = name.partition("*")
        return f'<speciesReference species="{name}" stoichiometry="{count or 1}" constant="true"/>'

    return f"<listOf{tag}>{''.join(map(one, names))}</listOf{tag}>" if names else ""


def reaction(name, left, right, law, local="", reversible="false", modifiers=(), fast="false"):
    known = "".join(f'<modifierSpeciesReference species="{one}"/>' for one in modifiers)
    return f"""<reaction id="{name}" reversible="{reversible}" fast="{fast}">
{side("Reactants", left)}{side("Products", right)}{f"<listOfModifiers>{known}</listOfModifiers>" if known else ""}
<kineticLaw>{mathml(law)}{local}</kineticLaw></reaction>"""


def species(name, amount=None, concentration=None, home="c", only="false", boundary="false"):
    start = f'initialAmount="{amount}"' if amount is not None else f'initialConcentration="{concentration}"'
    return (
        f'<species id="{name}" compartment="{home}" {start} hasOnlySubstanceUnits="{only}" boundaryCondition="{boundary}" '
        'constant="false"/>'
    )


def parameter(name, value, units="", constant="true"):
    said = f'units="{units}"' if units else ""
    return f'<parameter id="{name}" value="{value}" {said} constant="{constant}"/>'


UNITS = """<listOfUnitDefinitions>
<unitDefinition id="mmole"><listOfUnits><unit kind="mole" exponent="1" scale="-3" multiplier="1"/></listOfUnits></unitDefinition>
<unitDefinition id="per_s"><listOfUnits><unit kind="second" exponent="-1" scale="0" multiplier="1"/></listOfUnits></unitDefinition>
<unitDefinition id="minute"><listOfUnits><unit kind="second" exponent="1" scale="0" multiplier="60"/></listOfUnits></unitDefinition>
<unitDefinition id="per_mM_s"><listOfUnits><unit kind="mole" exponent="-1" scale="-3" multiplier="1"/>
<unit kind="litre" exponent="1" scale="0" multiplier="1"/><unit kind="second" exponent="-1" scale="0" multiplier="1"/>
</listOfUnits></unitDefinition>
</listOfUnitDefinitions>"""


def listed(tag, parts):
    return f"<listOf{tag}>\n" + "\n".join(parts) + f"\n</listOf{tag}>" if parts else ""


def sbml(
    parts,
    reactions=(),
    parameters=(),
    rules=(),
    sizes=(("c", 2),),
    substance="mmole",
    time="second",
    more="",
    functions="",
    first="",
):
    compartments = [f'<compartment id="{name}" spatialDimensions="3" size="{size}" constant="true"/>' for name, size in sizes]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
<model id="written" substanceUnits="{substance}" timeUnits="{time}" volumeUnits="litre" extentUnits="{substance}">
{functions}{UNITS}{listed("Compartments", compartments)}{listed("Species", parts)}{listed("Parameters", parameters)}{first}
{listed("Rules", rules)}{listed("Reactions", reactions)}{more}
</model></sbml>"""


def symbol(name):
    """A symbol that SBML defines: time, delay."""
    return f'<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/{name}">{name}</csymbol>'
