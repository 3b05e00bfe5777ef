"""The manifest of an append-only file: its text, what a rewrite makes of it, and what is no manifest."""

import pytest

from pycluster.persistence.manifest import BadManifest, Manifest, read_manifest

TEXT = """\
file appendonly.aof.2.base.rdb seq 2 type b
file appendonly.aof.1.incr.aof seq 1 type h
file appendonly.aof.2.incr.aof seq 2 type i
file appendonly.aof.3.incr.aof seq 3 type i
"""


def read(text: str) -> Manifest:
    return read_manifest("appendonly.aof", text)


def complaint(text: str) -> str:
    with pytest.raises(BadManifest) as caught:
        read(text)
    return caught.value.reason


def test_what_is_read_is_written_again() -> None:
    assert read(TEXT).text() == TEXT


def test_new_parts_have_the_next_numbers() -> None:
    manifest = read(TEXT)
    assert manifest.add_incremental().name == "appendonly.aof.4.incr.aof"
    assert manifest.put_base(is_snapshot=False).name == "appendonly.aof.3.base.aof"


def test_a_rewrite_makes_history_of_all_but_the_file_written_to() -> None:
    manifest = read(TEXT)
    manifest.put_base(is_snapshot=True)
    manifest.retire_incremental(keep=1)
    assert manifest.text() == (
        "file appendonly.aof.3.base.rdb seq 3 type b\n"
        "file appendonly.aof.2.incr.aof seq 2 type h\n"
        "file appendonly.aof.2.base.rdb seq 2 type h\n"
        "file appendonly.aof.1.incr.aof seq 1 type h\n"
        "file appendonly.aof.3.incr.aof seq 3 type i\n"
    )


def test_a_copy_can_be_changed_alone() -> None:
    manifest = read(TEXT)
    manifest.copy().add_incremental()
    assert manifest.text() == TEXT


def test_a_name_with_blanks_is_quoted() -> None:
    manifest = Manifest("my file")
    manifest.add_incremental()
    assert manifest.text() == 'file "my file.1.incr.aof" seq 1 type i\n'
    assert read(manifest.text()).incremental == manifest.incremental


def test_comments_and_words_of_later_versions_are_passed_over() -> None:
    assert len(read("# a comment\nfile x seq 1 type i startoffset 5\n").parts) == 1


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "Found an empty AOF manifest"),
        ("file x seq 1 type i", "The AOF manifest file contains too long line"),
        ("file " + "x" * 1024 + " seq 1 type i\n", "The AOF manifest file contains too long line"),
        ("\n", "Invalid AOF manifest file format"),
        ("file x seq 1\n", "Invalid AOF manifest file format"),
        ("file x seq 0 type i\n", "Invalid AOF manifest file format"),
        ('file "x seq 1 type i\n', "Invalid AOF manifest file format"),
        ("file ../x seq 1 type i\n", "File can't be a path, just a filename"),
        ("file x seq 1 type b\nfile y seq 2 type b\n", "Found duplicate base file information"),
        ("file x seq 2 type i\nfile y seq 2 type i\n", "Found a non-monotonic sequence number"),
        ("file x seq 1 type z\n", "Unknown AOF file type"),
    ],
)
def test_what_is_no_manifest_is_told_in_redis_words(text: str, reason: str) -> None:
    assert complaint(text) == reason
