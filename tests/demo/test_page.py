"""docs/demo.md names every account and every told person of the demo."""

from __future__ import annotations

from pathlib import Path

from vaihto.demo.accounts import GUESTS, OFFICES
from vaihto.demo.alliance import ASSOCIATES, HOUSES, MEMBERS
from vaihto.demo.stories import STORIES

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text("utf-8")


def test_the_page_of_the_demo_lists_every_account() -> None:
    offices = [office for office in OFFICES if HOUSES[office.institution].hosted]
    everybody = [guest.username for guest in (*GUESTS, *offices)]
    assert [username for username in everybody if f"`{username}`" not in PAGE] == []


def test_the_page_of_the_demo_lists_every_told_person() -> None:
    assert [story.person for story in STORIES if f"| {story.person} |" not in PAGE] == []


def test_the_page_of_the_demo_lists_every_member_and_associate() -> None:
    assert [house.name for house in (*MEMBERS, *ASSOCIATES) if house.name not in PAGE] == []
