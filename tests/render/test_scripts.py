"""Names in other scripts: drawn with a font that has their letters, or refused by name; never squeezed or missing."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from durascope.cli.app import main
from durascope.models.scenario import Scenario
from durascope.render import workflow
from durascope.render.fonts import BOLD, font, missing
from durascope.render.fonts.missing import NoGlyphs
from durascope.render.fonts.subset import _outlines, _tables, subset
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
        "Thanh to\u00e1n vi\u1ec7c",
        "\u0151\u0141\u017a\u0161\u0165 \u0192\u01a1",
    ],
)
def test_latin_greek_and_cyrillic_are_in_the_font_that_comes_along(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_letter_and_its_mark_are_one_glyph_in_a_pdf() -> None:
    """Written as two characters, as macOS writes names: no box and no loose mark is drawn beside the letter."""
    page = zlib.decompress(re.findall(rb"stream\n(.*?)\nendstream", drawn("cafe\u0301").pdf(), re.DOTALL)[0])
    composed = "".join(f"{font(bold=True).glyphs[each]:04X}" for each in "caf\u00e9")
    assert f"<{composed}>".encode() in page
    shown = [text[at : at + 4] for text in re.findall(rb"<([0-9A-F]+)> Tj", page) for at in range(0, len(text), 4)]
    assert b"0000" not in shown, "the glyph for what is missing"


def test_a_mark_that_is_no_part_of_a_letter_is_refused_in_a_pdf() -> None:
    with pytest.raises(NoGlyphs, match="no PDF"):
        drawn("x\u0332y").pdf()
    assert drawn("x\u0332y").png()[:4] == b"\x89PNG"


def test_a_pdf_embeds_the_glyphs_that_it_shows_and_no_others() -> None:
    face = font()
    few = subset(face.file, {face.glyphs[each] for each in "\u00e9a"})
    before, after = _outlines(dict(_tables(face.file))), _outlines(dict(_tables(few)))
    shown = {number for number, outline in enumerate(after) if outline}
    assert len(before) == len(after), "glyphs keep their numbers"
    assert {face.glyphs[each] for each in "\u00e9a"} <= shown
    assert len(shown) <= 5, "what the accented letter is composed of comes along"
    assert all(after[number].rstrip(b"\0") == before[number].rstrip(b"\0") for number in shown)
    assert len(few) < len(face.file) / 4
    assert subset(few, {face.glyphs["a"]}) == subset(face.file, {face.glyphs["a"]})


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


def test_both_faces_have_the_same_letters_and_nothing_for_what_is_missing() -> None:
    """A box for a missing letter would look like a letter to the check: it could not be refused."""
    assert BOLD.is_file()
    assert set(font().glyphs) == set(font(bold=True).glyphs)
    for bold in (False, True):
        assert _outlines(dict(_tables(font(bold).file)))[0] == b""
