from __future__ import annotations

import io

import pytest

from lic.cli.progress import Bar


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def as_errors(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in place of the standard error, until the end of a test."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def move(shown: bool, unit: str = "") -> None:
    with Bar("encoding", shown, unit) as bar:
        for done in range(1, 4):
            bar(done, 3)


def test_what_takes_only_a_moment_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_errors(monkeypatch)
    move(shown=True)
    assert terminal.getvalue() == ""


def test_a_bar_tells_how_much_is_done_and_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_errors(monkeypatch)
    monkeypatch.setattr("lic.cli.progress._PATIENCE", 0.0)
    move(shown=False)
    assert terminal.getvalue() == ""
    move(shown=True, unit="pictures")
    assert "3/3" in terminal.getvalue()
    assert "pictures a second" in terminal.getvalue()


def test_nothing_is_shown_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lic.cli.progress._PATIENCE", 0.0)
    move(shown=True)
    assert capsys.readouterr().err == ""
