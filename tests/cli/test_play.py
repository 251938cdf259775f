"""`durascope play` as a user meets it: an address, a page, and Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from durascope.player.page import Bundle, NoPlayer
from tests.cli.commands import durascope


def test_a_page_is_served_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "durascope", "play", "payment", "-e", "restate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as playing:
        try:
            assert playing.stdout is not None
            url = playing.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url, timeout=10) as page:
                assert b'id="durascope-data"' in page.read()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(url.partition("?")[0], timeout=10)
        finally:
            playing.send_signal(signal.SIGINT)
        _, said = playing.communicate(timeout=20)
    assert playing.returncode == 0
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = durascope("play", "payment", "-e", "restate", "--port", str(port))
    assert answer.status == 2
    assert answer.err.startswith(f"durascope: error: 127.0.0.1:{port}: ")


def test_without_its_script_nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Bundle:
        raise NoPlayer("the player's script is not installed\n  help: build it")

    monkeypatch.setattr("durascope.player.page.bundle", missing)
    answer = durascope("play", "payment", "-e", "restate")
    assert answer.status == 2
    assert answer.err.startswith("durascope: error: the player's script is not installed")
