"""The reference pages say what the code says, and what they speak of exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vaihto import environment
from vaihto.command import TABLE, reference

DOCS = environment.ROOT / "docs"
PAGES = (
    "settings.md",
    "commands.md",
    "rules.md",
    "parameters.md",
    "code-lists.md",
    "imports.md",
    "roles.md",
    "ewp.md",
)


@pytest.fixture(scope="module")
def made(django_db_setup: None) -> dict[str, str]:
    return reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_what_the_code_would_write(name: str, made: dict[str, str]) -> None:
    """`make docs` writes it anew."""
    assert (DOCS / "reference" / name).read_text("utf-8") == made[name]


def test_every_page_is_committed_and_no_other(made: dict[str, str]) -> None:
    assert (
        sorted(made) == sorted(PAGES) == sorted(f.name for f in (DOCS / "reference").glob("*.md"))
    )


def test_every_setting_and_every_command_has_its_line(made: dict[str, str]) -> None:
    assert [
        each.name for each in environment.TABLE if f"`{each.name}`" not in made["settings.md"]
    ] == []
    assert [
        each.words for each in TABLE if f"## vaihto {each.words}\n" not in made["commands.md"]
    ] == []


def written_pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), *environment.ROOT.glob("*.md")])


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: page.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    """`vaihto …` in code marks names a command of the table, and VAIHTO_… a setting."""
    text = page.read_text("utf-8")
    commands = set(re.findall(r"`(?:\.venv/bin/)?vaihto ([a-z]+(?: [a-z]+)?)", text))
    known = {each.words for each in TABLE}
    families = {words.split()[0] for words in known}
    unknown = {
        words
        for words in commands
        if words not in known and words.split()[0] not in known and words not in families
    }
    known_settings = {
        name for each in environment.TABLE for name in (each.name, f"{each.name}_FILE")
    }
    settings = set(re.findall(r"\bVAIHTO_[A-Z_]+[A-Z]\b", text))
    assert (unknown, settings - known_settings) == (set(), set())
