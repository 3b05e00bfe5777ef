"""The README says what is there: its tour names every module, its lists of what is missing are the code's."""

import re

from scripts.compatibility import README, with_lists

PACKAGE = README.parent / "pycluster"


def test_the_tour_names_every_module_once() -> None:
    tour = README.read_text().partition("**The road of one request**")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"`([a-z_/0-9]+\.py)`", tour)) == sorted(modules())


def modules() -> list[str]:
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    return list(map(str, paths))


def test_what_is_missing_is_what_the_code_says() -> None:
    text = README.read_text()
    assert text == with_lists(text), "make it so: python scripts/compatibility.py --write"


def test_files_and_targets_that_are_mentioned_exist() -> None:
    text = README.read_text()
    makefile = (README.parent / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert f"\n{target}:" in makefile
    for directory in re.findall(r"`((?:conf|tests|scripts|pycluster)/[a-z_/.0-9]*)`", text):
        assert (README.parent / directory).exists(), directory
