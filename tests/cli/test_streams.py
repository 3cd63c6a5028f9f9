"""Standard output that is closed, full, ends early or is limited to ASCII."""

import io
import re
import shlex
import subprocess
import sys

import pytest

from mbnas.cli import streams
from mbnas.cli.main import main

MBNAS = f"{shlex.quote(sys.executable)} -m mbnas"


def run(line):
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_ignored(closed):
    done = run(f"{MBNAS} space --sample 0 {closed}")
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("19 006 640" in done.stdout) == (">&-" not in closed.split())


def test_a_file_opened_later_does_not_become_standard_output(finished, tmp_path):
    before = (finished / "ledger.sqlite").read_bytes()
    assert run(f"{MBNAS} status {finished} >&-").returncode == 0
    assert (finished / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("lines", ["--sample 0", "--sample 3000", "--json --sample 3000"])
def test_a_pipe_that_ends_ends_the_command_quietly(lines):
    done = run(f"{MBNAS} space {lines} | head -1; exit ${{PIPESTATUS[0]}}")
    assert done.returncode in (0, streams.BROKEN_PIPE)
    assert done.returncode == streams.BROKEN_PIPE or "3000" not in lines
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_a_full_disk_is_one_sentence():
    done = run(f"{MBNAS} space >/dev/full")
    assert done.returncode == 1
    assert re.fullmatch("mbnas: The disk is full: what this command prints .*\\.\n", done.stderr)


@pytest.mark.parametrize(
    "command",
    [["space"], ["status", "{study}"], ["trainings", "{study}", "--all"], ["check", "{dataset}"]],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_limited_encoding_is_enough(command, encoding, finished, dataset, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    assert main([part.format(study=finished, dataset=dataset) for part in command]) == 0
    text = written.getvalue().decode(encoding)
    assert "\\u" not in text
    assert "…" not in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.857 ± 0.012 – 64×64 → 3…", b"0.857 +/- 0.012 - 64x64 -> 3..."),
        ("─╮╰│", b"-++|"),
        ("fall\udce9.nii", b"fall\xe9.nii"),
        ("肝 é 😀", rb"\u809d \xe9 \U0001f600"),
    ],
)
def test_replacements_of_characters_that_an_encoding_lacks(text, written):
    with streams.standard_streams():
        assert text.encode("ascii", errors="mbnas.similar") == written
