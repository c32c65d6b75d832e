"""Every page of docs/ is run: its files are written, its commands typed, its Python executed.

What a fenced block is for stands behind its language:

* ``title=NAME``: a file. It is written into the page's folder when its turn comes.
* ``console``: lines that start with ``$`` are commands; the lines below must come out of them, in this order, with white space as
  it falls and ``…`` for anything. A command that is shown to print ``error:`` must fail, any other must succeed.
* ``python``: run in the page's folder. ``python fragment``: a part of something, which is only parsed.
* ``yaml overlay=FILE``: laid over a scenario of the page; together they must pass the check.
* anything else (bash, text, toml, yaml without a word) is only held to be what it says.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import cosim
from cosim.describe import find_mpirun
from cosim.scenario.reader import read_text
from cosim.scenario.schema import About, Clock, EngineEntry, LinkEntry, Record, Run, ScenarioFile
from cosim.sdk import format_ns
from cosim.simulators import simulators

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PROGRAMS = {"arbor": ("c++",), "eden": ("gcc",), "fmu": ("gcc",), "neuroml": ("java",)}
NEEDS = {"first-steps": ("matplotlib", "neo", "xarray"), "fields": ("lfpykit",)}
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the words behind it, its text, the line where it starts."""

    language: str
    words: str
    text: str
    line: int

    def word(self, key):
        found = re.search(rf"\b{key}=(\S+)", self.words)
        return found.group(1) if found else None


def blocks_of(page):
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2].strip(), m[3], text[: m.start()].count("\n") + 1) for m in _BLOCK.finditer(text)]


def environment():
    beside = [str(Path(sys.executable).parent), str(Path(find_mpirun()).parent) if find_mpirun() else ""]
    path = os.pathsep.join(filter(None, (*beside, os.environ.get("PATH", ""))))
    python = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PATH": path, "PYTHONPATH": python, "COLUMNS": "160", "NO_COLOR": "1"}


def run_console(block, folder):
    shown = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    assert shown, "a console block without a command"
    for part in shown:
        command, _, expected = part.partition("\n")
        if "mpirun" in command and find_mpirun() is None:
            return
        answer = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
        output = answer.stdout + answer.stderr
        should_fail = any(line.startswith("error:") for line in expected.splitlines())
        assert bool(answer.returncode) == should_fail, f"$ {command}\n{output}"
        hold_output(expected, output, command)


def hold_output(expected, output, command):
    """That the expected lines come out in their order; other lines may stand between them."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    at = 0
    for line in filter(None, (" ".join(line.split()) for line in expected.splitlines())):
        pattern = re.compile(".*".join(re.escape(piece) for piece in re.split(" ?… ?", line)))
        found = next((i for i in range(at, len(lines)) if pattern.fullmatch(lines[i])), None)
        assert found is not None, f"$ {command}\ndoes not print\n{line}\nbut\n{output}"
        at = found + 1


def run_block(block, folder):
    title, overlay = block.word("title"), block.word("overlay")
    if title:
        (folder / title).parent.mkdir(parents=True, exist_ok=True)
        (folder / title).write_text(block.text, encoding="utf-8")
    if block.language == "console":
        run_console(block, folder)
    elif block.language == "python":
        ast.parse(textwrap.dedent(block.text))
        if not title and block.words != "fragment":
            answer = subprocess.run(
                [sys.executable, "-W", "error", "-c", block.text],
                cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert answer.returncode == 0, answer.stdout + answer.stderr
    elif block.language == "yaml":
        assert not read_text(block.text, "the block").faults
        if overlay:
            over = folder / "overlaid.yaml"
            over.write_text(f"include: [{overlay}]\n{block.text}", encoding="utf-8")
            assert cosim.check(over).faults == ()
    elif block.language == "toml":
        tomllib.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_does_what_it_says(page, tmp_path):
    for module in NEEDS.get(page.stem, ()):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if page.parent.name == "simulators":  # named as its engine, which knows its simulator
        simulator = simulators()[page.stem]
        if simulator.version is None:
            pytest.skip(f"{simulator.name} is not installed")
        for program in PROGRAMS.get(page.stem, ()):
            if shutil.which(program) is None:
                pytest.skip(f"there is no {program}")
    for block in blocks_of(page):
        try:
            run_block(block, tmp_path)
        except AssertionError as error:
            raise AssertionError(f"{page.name}:{block.line}: {error}") from None


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if not target.startswith(("http:", "https:")) and not target.endswith((".png", ".svg")):
            assert (page.parent / target).exists(), f"{page.name} leads to {target}"


def test_expected_output_is_really_held():
    hold_output("one … three\n", "zero\none two three\n", "x")
    with pytest.raises(AssertionError, match="does not print"):
        hold_output("two\none\n", "one\ntwo\n", "x")


# -- the reference of the scenario file --------------------------------------------------------------------------------

SECTIONS = {"top": ScenarioFile, "about": About, "clock": Clock, "engines": EngineEntry}
SECTIONS |= {"links": LinkEntry, "record": Record, "run": Run}


def rows_of(section):
    """Key and default of every row of the table below a heading of scenario.md."""
    text = (ROOT / "docs/scenario.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n## `{section}`" if section != "top" else "\n## The file")
    table = rest.split("\n## ")[0]
    return {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*?) \|", table, re.MULTILINE)}


def default_of(field):
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value in ([], {}, "") or isinstance(value, (Record, Run)):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{format_ns(value)}`" if isinstance(value, int) and value >= 10**9 else f"`{value}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_the_reference_knows_every_key_and_its_default(section):
    expected = {field.alias or name: default_of(field) for name, field in SECTIONS[section].model_fields.items()}
    if section == "links":
        expected["delay"] = "`0 ms`"
    assert rows_of(section) == expected


def choices_in(schema):
    """Every word that a JSON Schema lets one choose from."""
    if isinstance(schema, dict):
        yield from (word for word in [*schema.get("enum", []), schema.get("const")] if isinstance(word, str))
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from choices_in(item)


def test_the_reference_names_every_choice():
    text = (ROOT / "docs/scenario.md").read_text(encoding="utf-8")
    choices = set(choices_in(ScenarioFile.model_json_schema(by_alias=True)))
    assert {"hold", "zeromq-tcp", "broadcast", "auto"} <= choices
    assert [choice for choice in sorted(choices) if f"`{choice}`" not in text] == []
