"""``mbnas download``, from a server on this machine."""

import hashlib
import tarfile

import pytest

from mbnas.cli.main import main
from mbnas.data.fetch.decathlon import Task

NAME = "Task05_Prostate"


@pytest.fixture
def mirror(file_server, dataset, tmp_path_factory, monkeypatch):
    """A server that offers a phantom as the Decathlon's prostates."""
    archive = tmp_path_factory.mktemp("mirror") / f"{NAME}.tar"
    with tarfile.open(archive, "w") as made:
        made.add(dataset, NAME)
    body = archive.read_bytes()
    file_server.files[f"/msd/{NAME}.tar"] = body
    task = Task(name=NAME, url=f"https://far.invalid/{NAME}.tar", md5=hashlib.md5(body).hexdigest())
    monkeypatch.setattr("mbnas.data.fetch.decathlon.tasks", lambda: {NAME: task})
    return file_server


@pytest.fixture
def download(mirror, tmp_path, capsys):
    """Run the command; return its status, standard output and standard error."""

    def run(name=NAME, address=f"{mirror.url}/msd/"):
        status = main(["download", name, str(tmp_path / "data"), "--from", address])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_downloaded_dataset_can_be_checked(download, dataset, tmp_path, capsys):
    folder = tmp_path / "data" / NAME
    assert download() == (0, f"{folder}\n", f"mbnas: Next: mbnas check {folder}\n")
    assert main(["check", str(folder), "--set", "protocol.folds=2"]) == 0
    assert "is sound" in capsys.readouterr().out
    assert (folder / "dataset.json").read_bytes() == (dataset / "dataset.json").read_bytes()


def test_an_existing_dataset_is_not_downloaded_again(download, mirror, tmp_path):
    folder = tmp_path / "data" / NAME
    download()
    status, out, error = download()
    assert (status, out) == (0, f"{folder}\n")
    assert f"mbnas: {folder} already exists: nothing was downloaded.\n" in error
    assert len(mirror.sent) == 1


def test_a_terminal_shows_a_bar(download, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "100")
    _, out, error = download()
    assert "Unpacking" in error
    assert "Unpacking" not in out


@pytest.mark.parametrize(
    ("name", "address", "status", "told"),
    [
        ("Task05_Prostrate", None, 2, "the nearest is Task05_Prostate."),
        (NAME, "ftp://near.example", 2, "must be an address that begins with http"),
        (NAME, "MIRROR/elsewhere", 1, f"has no MIRROR/elsewhere/{NAME}.tar (status 404)."),
    ],
)
def test_each_mistake_is_one_sentence_and_leaves_nothing(
    download, mirror, tmp_path, name, address, status, told
):
    address = (address or f"{mirror.url}/msd").replace("MIRROR", mirror.url)
    found, out, error = download(name, address)
    assert (found, out) == (status, "")
    assert error.startswith("mbnas: ")
    assert error.count("\n") == 1
    assert told.replace("MIRROR", mirror.url) in error
    assert not list(tmp_path.iterdir())


def test_an_interrupted_download_says_how_to_resume(download, mirror, monkeypatch, tmp_path):
    def interrupt(*places, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mbnas.data.fetch.decathlon.unpack", interrupt)
        assert download() == (130, "", "mbnas: Stopped. Run the same command again to resume.\n")
    assert download()[0] == 0
    assert len(mirror.sent) == 1
