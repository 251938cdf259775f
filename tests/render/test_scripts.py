"""Names in other scripts: drawn with a font that has their letters, or refused by name; never squeezed or missing."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from durascope.cli.app import main
from durascope.models.scenario import Scenario
from durascope.render import workflow
from durascope.render.fonts import missing
from durascope.render.fonts.missing import NoGlyphs
from durascope.render.picture import Picture

FOREIGN = ["\u5e93\u5b58\u68c0\u67e5", "\u062f\u0641\u0639", "\u05ea\u05e9\u05dc\u05d5\u05dd", "pay \U0001f4b3"]


def drawn(name: str) -> Picture:
    return workflow.draw(Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": [{"run": name}]}}}))


def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without fonts: nothing that Arimo lacks is drawn."""
    _draws(monkeypatch, "")


def _draws(monkeypatch: pytest.MonkeyPatch, letters: str) -> None:
    def draw(letter: str) -> bytes:
        return letter.encode() if letter in letters else b""

    monkeypatch.setattr(missing, "_drawn", draw)


@pytest.mark.parametrize(
    "name",
    [
        "\u043e\u043f\u043b\u0430\u0442\u0430 \u0437\u0430\u043a\u0430\u0437\u0430",
        "\u03c0\u03bb\u03b7\u03c1\u03c9\u03bc\u03ae",
        "Zahlung pr\u00fcfen",
    ],
)
def test_greek_and_cyrillic_are_in_the_font_that_comes_along(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    no_fonts(monkeypatch)
    picture = drawn(name)
    assert picture.png()[:4] == b"\x89PNG"
    streams = [zlib.decompress(each) for each in re.findall(rb"stream\n(.*?)\nendstream", picture.pdf(), re.DOTALL)]
    letters = b"".join(streams)
    assert all(letter.encode("utf-16-be").hex().upper().encode() in letters for letter in set(name) - {" "})


@pytest.mark.parametrize("name", FOREIGN)
def test_a_pdf_without_the_letters_is_refused_by_name(name: str) -> None:
    with pytest.raises(NoGlyphs, match=re.escape(name)) as refused:
        drawn(name).pdf()
    assert "SVG or PNG" in refused.value.help


@pytest.mark.parametrize("name", FOREIGN)
def test_a_png_is_refused_only_where_no_font_of_the_machine_has_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_fonts(monkeypatch)
    with pytest.raises(NoGlyphs, match=re.escape(name)):
        drawn(name).png()
    _draws(monkeypatch, name)
    assert drawn(name).png()[:4] == b"\x89PNG"


def test_a_letter_that_no_font_has_is_drawn_as_nothing() -> None:
    assert missing._drawn("\u0378") == missing._drawn(" "), "it is not assigned"
    assert missing._drawn("A") != missing._drawn(" ")


@pytest.mark.parametrize("name", FOREIGN)
def test_no_text_is_squeezed_into_a_room_that_was_guessed(name: str) -> None:
    svg = drawn(name).svg()
    assert "textLength" not in next(line for line in svg.splitlines() if "<text" in line and name in line)
    assert "textLength" in next(line for line in svg.splitlines() if "<text" in line and ">start<" in line)


def test_the_command_line_says_which_text_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "s.yaml"
    text = f"scenario: s\nworkflows: {{w: {{steps: [{{run: {FOREIGN[0]}}}]}}}}\n"
    scenario.write_text(text, encoding="utf-8")
    assert main(["diagram", str(scenario), "--view", "workflow", "--format", "pdf", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert FOREIGN[0] in said
    assert "help: write it as SVG or PNG" in said
