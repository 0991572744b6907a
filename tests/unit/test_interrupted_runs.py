"""What a run that was killed, or has ended, leaves: it is completed, taken back or taken over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from concatsplit_core.stores import recovery, staging_folders
from concatsplit_core.stores.files import identify
from concatsplit_core.stores.journal import Journal, JournalEntry, has_journal, make_entries
from concatsplit_core.stores.keeping import KeptRun, StagedOutput
from concatsplit_core.stores.owner import Owner, open_owner_file, read_owner
from concatsplit_core.stores.renames import waiting_path
from concatsplit_core.stores.staging_folders import OWNER_FILE, StagingFolder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a staged file, and with what it is to replace."""
    monkeypatch.chdir(tmp_path)
    staged = tmp_path / ".concatsplit-x" / "new"
    staged.mkdir(parents=True)
    (staged / "y").write_text("new")
    (tmp_path / "y").write_text("old")
    return tmp_path


@pytest.fixture
def half(here: Path) -> JournalEntry:
    """The journal's entry of an exchange that was killed when the old file had been moved away."""
    staged, final = str(here / ".concatsplit-x" / "new" / "y"), str(here / "y")
    (entry,) = make_entries([(staged, final, identify(final))])
    waiting = waiting_path(staged)
    os.mkdir(os.path.dirname(waiting))
    os.rename(final, waiting)
    return entry


def test_half_an_exchange_is_completed(half: JournalEntry) -> None:
    assert half.can_publish
    half.publish(sync=False)
    assert Path(half.final).read_text() == "new"
    assert half.is_published


def test_half_an_exchange_is_taken_back(half: JournalEntry) -> None:
    assert half.roll_back(sync=False)
    assert Path(half.final).read_text() == "old"
    assert Path(half.staged).read_text() == "new"


def test_a_name_that_another_program_took_meanwhile_is_its_own(half: JournalEntry) -> None:
    Path(half.final).write_text("other")
    assert not half.can_publish
    assert half.roll_back(sync=False, when_ns=0)
    assert Path(half.final).read_text() == "other"


def test_a_run_that_was_taken_back_is_not_taken_back_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its journal is gone before anything else is removed, which may be interrupted."""
    folder = StagingFolder(here, None, [])
    staged = folder.name_for("w")
    Path(staged).write_text("new")
    entries = make_entries([(staged, str(here / "w"), None)])
    journal = Journal(folder.path, (folder.path,), entries)
    journal.write(sync=False)
    folder.release()
    Path("w").write_text("other")

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recovery, "_remove", killed)
    with pytest.raises(KeyboardInterrupt):
        recovery._follow_journal(journal)
    assert not has_journal(folder.path)
    assert Path("w").read_text() == "other"
    assert Path(staged).read_text() == "new"


def test_copies_beside_an_output_are_removed_and_links_are_not_followed(here: Path) -> None:
    folder = here / ".concatsplit-x"
    (here / "kept").mkdir()
    (here / "kept" / "file").touch()
    (here / ".concatsplit-x-1").touch()
    (here / ".concatsplit-x-2").mkdir()
    (here / ".concatsplit-x-2" / "file").touch()
    (here / ".concatsplit-x-3").symlink_to("kept")
    recovery._remove(folder)
    assert sorted(os.listdir(here)) == ["kept", "y"]
    assert os.listdir(here / "kept") == ["file"]


def test_a_run_is_published_when_all_its_outputs_are(here: Path) -> None:
    def output(name: str) -> StagedOutput:
        made = identify(name)
        assert made is not None
        return StagedOutput(name, f".concatsplit-x/new/{name}", made, None, False)

    Path("z").touch()
    done = output("z")
    waits = StagedOutput("w", "z", done.made, None, False)
    for outputs, published in (((done,), True), ((done, waits), False), ((), False)):
        assert KeptRun(here, "", True, outputs, "").is_published is published


def test_who_takes_over_a_staging_folder_is_its_owner(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = StagingFolder(here, None, [])
    other = StagingFolder(here, home, [])
    assert StagingFolder.adopted(other.path, []) is None  # its process has it
    for folder in (home, other):
        folder.release()
    adopted = StagingFolder.adopted(other.path, [here / "made"])
    assert adopted is not None
    owner = _owner_of(other.path)
    assert os.path.normpath(other.path / owner.home) == str(home.path)
    assert [os.path.normpath(other.path / made) for made in owner.made] == [str(here / "made")]
    monkeypatch.setattr(staging_folders, "lock", lambda _: None)  # a file system without locks
    assert StagingFolder.adopted(other.path, []) is None  # this process lives
    adopted.remove()
    damaged = home.path / OWNER_FILE
    damaged.write_bytes(b"damaged")
    found = StagingFolder.adopted(home.path, [])
    assert found is not None
    assert _owner_of(home.path).home == "."
    found.remove()


def _owner_of(path: Path) -> Owner:
    fd = open_owner_file(path)
    assert fd is not None
    try:
        owner = read_owner(fd, path)
    finally:
        os.close(fd)
    assert owner is not None
    return owner
