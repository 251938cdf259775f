"""The documentation site builds without warnings, its links lead somewhere, and it speaks the words of the glossary."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from durascope.experiments.expectations import verdicts
from durascope.experiments.metrics import by_status
from durascope.models.engine import compared
from durascope.models.loading import load, scenario_in
from durascope.simulators.simulate import simulate

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "engines").glob("*.md")))
PROSE = tuple(page for page in PAGES if page.parent != DOCS / "engines" and not page.name.startswith("fidelity"))
"""Pages for users; the rules of the engines and the findings quote recordings."""
GENERATED = {"fields.md", "commands.md", "trace-events.md", "lessons.md"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-D", "lesson_pages=0", str(DOCS), str(built)]  # test_learn_command makes one
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return built


def test_the_site_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()
    assert (site / "_generated" / "fields.html").exists()


def test_the_site_asks_nothing_of_the_network(site: Path) -> None:
    outside = re.compile(
        r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+rel="stylesheet"[^>]+href="(?:https?:)?//'
    )
    for page in site.rglob("*.html"):
        assert not outside.search(page.read_text("utf-8")), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import\s+)[\"']?(?:https?:)?//", sheet.read_text("utf-8")), sheet


def test_every_page_is_listed_somewhere(site: Path) -> None:
    """A page that no contents list names is built, and nobody finds it."""
    listed = set[str]()
    for page in DOCS.glob("*.md"):
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            listed |= {line.strip() for line in block.splitlines() if line.strip() and not line.startswith(":")}
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert pages <= listed
    assert {f"_generated/{Path(name).stem}" for name in GENERATED} <= listed
    assert site.exists()


# --- links


def links(page: Path) -> Iterator[str]:
    """The targets of links and pictures, without those in code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"", text):
        yield target[0] or target[1]


@cache
def anchors(page: Path) -> frozenset[str]:
    text = page.read_text("utf-8")
    named = re.findall(r'<a id="([^"]+)"|^\(([\w-]+)\)=$', text, re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return frozenset([name for pair in named for name in pair if name] + list(slugs))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path, site: Path) -> None:
    assert site.exists(), "the generated pages are there"
    for target in links(page):
        if re.match(r"(https?|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name}: {target}"


# --- what is generated


def test_the_reference_has_every_field_with_its_meaning(site: Path) -> None:
    from durascope.models.schema import scenario_schema

    assert site.exists()
    text = (DOCS / "_generated" / "fields.md").read_text("utf-8")
    schema = scenario_schema()
    parts = {"Scenario": schema, **schema["$defs"]}
    fields = [(part, name) for part, each in parts.items() for name in each.get("properties", {})]
    for part, name in fields:
        assert f"`{name}`\n: " in text, f"{part}.{name}"
    assert text.count("\n  Example (") == len(fields)


@pytest.mark.parametrize("file", sorted((DOCS / "examples").glob("*.yaml")), ids=lambda file: file.stem)
def test_an_example_runs_on_every_engine_as_it_expects(file: Path) -> None:
    scenario = scenario_in(load(file))
    for engine in compared():
        trace = simulate(scenario, engine)
        assert "running" not in by_status(trace)
        assert [each for each in verdicts(scenario, trace) if not each.held] == []


def test_the_reference_has_every_command_and_every_kind_of_event(site: Path) -> None:
    from durascope.cli.app import COMMANDS, build
    from durascope.models.trace import Kind

    assert site.exists()
    commands = (DOCS / "_generated" / "commands.md").read_text("utf-8")
    there = [command.name for command in build([]).registered_commands]
    assert [name for name in COMMANDS if name in there and f"## durascope {name}\n" not in commands] == []
    events = (DOCS / "_generated" / "trace-events.md").read_text("utf-8")
    assert [kind for kind in Kind if f"`{kind.value}`\n: " not in events] == []


# --- words

HABITS = {
    r"\bluck\b": "randomness, jitter, chance, a random seed",
    r"\b[Ss]o (often|many times)\b": "N times",
    r"\beffects too many\b": "duplicate effects",
    r"\bwork stood still\b": "recovery time",
    r"\btells what happened\b": "reports what happened",
    r"\bnobody hears\b": "reply lost",
    r"\bsim[- ]?py\b": "SimPy",
    r"\bdedupe|\bde-duplicat": "deduplicate",
    r"\bfail-?over\b": "recovery",
    r"\b(cure|cures|cured|Cure|Cures)\b": "remedy",
    r"\btime line": "timeline",
    r"\bbroken after \d": "broken by",
}
"""Expressions that native readers stumble over, or that the glossary says otherwise, and what to write."""


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_a_page_has_none_of_our_bad_habits(page: Path) -> None:
    for habit, instead in HABITS.items():
        found = re.search(habit, prose(page))
        assert found is None, f"{page.name}: {found and found[0]!r}: write {instead}"


def test_what_is_generated_has_none_of_them_either(site: Path) -> None:
    assert site.exists()
    for name in GENERATED:
        text = (DOCS / "_generated" / name).read_text("utf-8")
        for habit, instead in HABITS.items():
            found = re.search(habit, text)
            assert found is None, f"{name}: {found and found[0]!r}: write {instead}"


def sentences(module: Path) -> Iterator[str]:
    """What a module's code says: texts of three words or more that are no docstrings."""
    tree = ast.parse(module.read_text("utf-8"))
    silent = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in silent:
            yield from [each.value] if each.value.count(" ") >= 2 else []


def docstrings(module: Path) -> Iterator[str]:
    for each in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
            yield each.value.value


def test_docstrings_have_none_of_them_either() -> None:
    """In the simulators `luck` is a module: where random draws come from."""
    modules = [each for each in (ROOT / "durascope").rglob("*.py") if "simulators" not in each.parts]
    said = [(module, text) for module in sorted(modules) for text in docstrings(module)]
    assert len(said) > 1_000
    for habit, instead in HABITS.items():
        assert [f"{module.name}: {text}: write {instead}" for module, text in said if re.search(habit, text)] == []


def test_what_the_code_says_has_none_of_them_either() -> None:
    """Errors, notes, help, titles, captions: every text in the code."""
    said = [(module, text) for module in sorted((ROOT / "durascope").rglob("*.py")) for text in sentences(module)]
    assert len(said) > 1_000
    for habit, instead in HABITS.items():
        assert [f"{module.name}: {text}: write {instead}" for module, text in said if re.search(habit, text)] == []


def terms() -> list[str]:
    return re.findall(r"^(\S[^\n]*)\n: ", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)


def test_the_glossary_has_each_term_once_in_order() -> None:
    assert terms() == sorted(set(terms()), key=str.lower)
    assert len(terms()) > 20


def test_the_glossary_has_what_the_product_says_without_explaining_it() -> None:
    from durascope.models.faults import FAULT_KINDS

    kinds = set(FAULT_KINDS) - {"random"}
    player = {"fork", "story"}
    pages = {"crash map", "finding", "guarantee", "knee", "point", "promise", "remedy", "replication", "swarm", "token"}
    assert kinds | player | pages <= set(terms())


def test_nothing_is_misspelt() -> None:
    places = [*PAGES, ROOT / "durascope", ROOT / "tests" / "docs", ROOT / "tests" / "course"]
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words-list", "simpy,whats", *map(str, places)]
    skip = ["--skip", "*.json,*.js,*.svg,*.lock,*.ttf,*.woff2,*/node_modules/*,*/facts/*"]
    done = subprocess.run([*command, *skip], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


# --- Python

SHOWN = [
    (page, number, code)
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize(("page", "number", "code"), SHOWN, ids=[f"{page.name}-{n}" for page, n, _ in SHOWN])
def test_python_examples_run(
    page: Path, number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"{page.name}, example {number + 1}", "exec"), {})
