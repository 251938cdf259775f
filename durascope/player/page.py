"""The page as one file that contains styles, script and data. It loads nothing and runs only its own script.

Nothing in a scenario can act as markup: neither the page's own JSON nor the packed texts contain `<`.
"""

from __future__ import annotations

import gzip
import json
from base64 import a85encode, b64encode
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final

from durascope.models.visible import visible
from durascope.version import __version__


class NoPlayer(Exception):
    """The page's script is not in this installation; the text says what to do."""


@dataclass(frozen=True)
class Bundle:
    """The page's script and styles, as `player/` builds them."""

    script: str
    style: str

    @cached_property
    def packed(self) -> str:
        """Script and styles, compressed, with a NUL between them; the page's loader unpacks them."""
        return _letters(_gzip(f"{self.script}\0{self.style}"))


@cache
def bundle() -> Bundle:
    """The bundle that ships. Raises `NoPlayer`."""
    folder = files("durascope.render") / "player"
    try:
        script, style = ((folder / name).read_text("utf-8") for name in ("player.js", "player.css"))
    except (FileNotFoundError, NotADirectoryError):
        raise NoPlayer(
            "the player's script is not installed\n  help: build it with `npm ci && npm run build` in player/, "
            "or install durascope from its wheel"
        ) from None
    return Bundle(script, style)


def html(document: dict[str, Any], *, token: str | None = None, embed: bool = False) -> str:
    """The whole page; the same document gives the same bytes.

    `token`: the page asks its server, and sends this token along. `embed`: it is a frame of another page.
    """
    built = bundle()
    data = compressed(document)
    title: str = document["scenario"]["title"]
    about = {
        "title": title,
        "scenario": document["scenario"]["name"],
        "seed": document["seed"],
        "durascope": __version__,
        "sha256": sha256(data).hexdigest(),
        "live": None if token is None else {"token": token},
        "embed": embed,
    }
    return _PAGE.format(
        title=escape(f"{visible(title)} · durascope"),
        policy=policy(built, live=token is not None),
        about=_inert(json.dumps(about, ensure_ascii=False)),
        data=_letters(data),
        player=built.packed,
        loader=_LOADER,
    )


def compressed(document: dict[str, Any], *, level: int = 9) -> bytes:
    """The document as JSON, compressed; the same bytes at any time of day."""
    return _gzip(json.dumps(document, ensure_ascii=False, separators=(",", ":")), level)


def size(document: dict[str, Any], *, quickly: bool = False) -> int:
    """The approximate size of the document's page, in bytes; `quickly`: an upper bound of it. Raises `NoPlayer`."""
    data = compressed(document, level=1 if quickly else 9)
    return len(data) * 5 // 4 + len(bundle().packed) + len(_LOADER) + len(_PAGE) + _ABOUT


def policy(built: Bundle, *, live: bool) -> str:
    """The page's content security policy: it may run its own scripts and, with `live`, ask its own server."""
    own = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in (_LOADER, built.script))
    ask = "; connect-src 'self'" if live else ""
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {own}; img-src data:{ask}"


def _gzip(text: str, level: int = 9) -> bytes:
    """Compressed; the same bytes at any time of day."""
    return gzip.compress(text.encode("utf-8", "replace"), level, mtime=0)


def _letters(data: bytes) -> str:
    """As Ascii85, which is a sixteenth shorter than base64; `v` stands for `<`, so that it ends no element."""
    return a85encode(data).decode().replace("<", "v")


def _inert(text: str) -> str:
    """JSON that can end no script element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


_ABOUT: Final = 500
"""Bytes of title, policy and digest."""

_LOADER: Final = """(async () => {
const text = document.getElementById("durascope-player").textContent.replaceAll("v", "<").replaceAll("z", "!!!!!");
const bytes = new DataView(new ArrayBuffer(text.length + 4));
for (let i = 0; i < text.length; i += 5) {
let group = 0;
for (let k = i; k < i + 5; k++) group = group * 85 + (k < text.length ? text.charCodeAt(k) - 33 : 84);
bytes.setUint32(i / 5 * 4, group);
}
const packed = new Blob([bytes.buffer.slice(0, text.length * 4 / 5)]);
const unpacked = packed.stream().pipeThrough(new DecompressionStream("gzip"));
const [script, style] = (await new Response(unpacked).text()).split("\\0");
for (const [name, part, place] of [["style", style, document.head], ["script", script, document.body]]) {
const element = document.createElement(name);
element.textContent = part;
place.append(element);
}
})().catch(() => { document.getElementById("app").textContent = "This file is damaged, or this browser is too old."; });
"""

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title></head>
<body><div id="app"><noscript>This page plays a simulation: it needs JavaScript, and no network.</noscript></div>
<script type="application/json" id="durascope-meta">{about}</script>
<script type="text/plain" id="durascope-data">{data}</script>
<script type="text/plain" id="durascope-player">{player}</script>
<script>{loader}</script></body></html>
"""
