"""The scripts for shells complete commands, options, values and settings, as shells run them."""

import shutil
import subprocess

import pytest

from mbnas.cli.completion import SHELLS
from mbnas.cli.main import main

COMPLETED = {
    ("sea",): {"search"},
    ("se",): {"search", "settings"},
    ("search", "--searc"): {"--searcher"},
    ("search", "--space", "mi"): {"mixed", "micro"},
    ("search", "--set", "training.base_"): {"training.base_channels="},
    ("compare", "--space"): set(),
}
"""What is typed after ``mbnas``, and what the last word may become."""


@pytest.fixture
def script(capsys):
    def of(shell):
        with pytest.raises(SystemExit) as ended:
            main(["--completion", shell])
        assert ended.value.code == 0
        return capsys.readouterr().out

    return of


def words_of(shell, source):
    return subprocess.run(
        [shell, *(["--no-config"] if shell == "fish" else []), "-c", source],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


@pytest.mark.parametrize("typed", COMPLETED)
def test_bash_completes(typed, script):
    words = " ".join(("mbnas", *typed))
    source = (
        f"{script('bash')}\ncompopt() {{ :; }}\nCOMP_WORDS=({words})\nCOMP_CWORD={len(typed)}\n"
        '_mbnas\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert set(words_of("bash", source)) - {""} == COMPLETED[typed]


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
@pytest.mark.parametrize("typed", COMPLETED)
def test_fish_completes(typed, script):
    source = f"{script('fish')}\ncomplete -C 'mbnas {' '.join(typed)}'"
    found = {line.split("\t")[0] for line in words_of("fish", source)}
    assert {each for each in found if each.startswith(typed[-1])} == COMPLETED[typed]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_reads_its_script(script):
    source = f"autoload -Uz compinit; compinit -u -D; {script('zsh')}\nprint $_comps[mbnas]"
    assert words_of("zsh", source) == ["_mbnas"]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_equals_sign_does_too(shell, script, capsys):
    with pytest.raises(SystemExit):
        main([f"--completion={shell}"])
    assert capsys.readouterr().out == script(shell)


@pytest.mark.parametrize("wrong", [["tcsh"], [], ["bash", "search"]])
def test_another_shell_is_refused_in_a_sentence(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--completion", *wrong])
    assert ended.value.code == 2
    assert "must be bash, zsh or fish" in capsys.readouterr().err
