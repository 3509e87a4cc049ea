"""Pictures of the main pages, taken by a headless browser from a running demo."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vaihto.refusals import Refusal
from vaihto.wording import mark as _

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowser(Refusal):
    """There is nothing to take pictures with."""

    sentence = _("No Chromium was found on this machine.")
    remedy = _("Install the package chromium, and playwright with `make install`.")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: whose page, where, in which light and size. `opens` is a link to follow first."""

    name: str
    who: str
    at: str
    opens: str = ""
    scheme: Literal["light", "dark"] = "light"
    width: int = 1360
    height: int = 900
    whole: bool = False


_FIRST_ROW = "main tbody th[scope=row] a"
PICTURES: tuple[Picture, ...] = (
    Picture(name="sign-in", who="", at="/sign-in"),
    Picture(name="your-turn", who="demo-registrar", at="/"),
    Picture(name="mobilities", who="demo-registrar", at="/office/mobilities"),
    Picture(
        name="mobilities-dark",
        who="demo-registrar",
        at="/office/mobilities?counted=oph-yes&country=724",
        scheme="dark",
    ),
    Picture(
        name="mobility",
        who="demo-registrar",
        at="/office/mobilities?mode=blended&counted=oph-yes&state=done",
        opens=_FIRST_ROW,
        height=1340,
    ),
    Picture(
        name="mobility-phone",
        who="demo-registrar",
        at="/office/mobilities?mode=blended&counted=oph-yes&state=done",
        opens=_FIRST_ROW,
        width=390,
        height=844,
    ),
    Picture(
        name="cannot-be-told",
        who="demo-registrar",
        at="/office/mobilities?wait=verdict",
        opens=_FIRST_ROW,
    ),
    Picture(
        name="correct",
        who="demo-registrar",
        at="/office/mobilities?wait=end&sort=end",
        opens=f"{_FIRST_ROW} >> .head .button.main",
    ),
    Picture(name="person", who="demo-registrar", at="/search?q=Virtanen", opens=_FIRST_ROW),
    Picture(name="agreements", who="demo-agreements", at="/agreements/"),
    Picture(
        name="agreement",
        who="demo-agreements",
        at="/agreements/?state=modification",
        opens=_FIRST_ROW,
        height=1200,
    ),
    Picture(
        name="agreement-phone",
        who="demo-agreements",
        at="/agreements/?turn=ours&q=Cedar",
        opens=_FIRST_ROW,
        width=390,
        height=844,
    ),
    Picture(
        name="comparison",
        who="demo-agreements",
        at="/agreements/?turn=ours&q=Cedar",
        opens=f"{_FIRST_ROW} >> main a[href$='/comparison']",
        height=1200,
    ),
    Picture(
        name="agreement-edit",
        who="demo-agreements",
        at="/agreements/?state=draft",
        opens=f"{_FIRST_ROW} >> main a[href$='/edit']",
        height=1100,
    ),
    Picture(
        name="approve",
        who="demo-signatory",
        at="/agreements/?state=approved-by-partner&q=Hopearanta",
        opens=f"{_FIRST_ROW} >> main a[href$='/approve']",
        height=1200,
    ),
    Picture(name="places", who="demo-agreements", at="/agreements/places", height=1100),
    Picture(name="agreement-map", who="demo-agreements", at="/agreements/map"),
    Picture(name="agreement-calendar", who="demo-agreements", at="/agreements/calendar", height=1200),
    Picture(name="imports", who="demo-registrar", at="/imports/"),
    Picture(name="virta", who="demo-registrar", at="/virta/"),
    Picture(name="rehearsal", who="demo-registrar", at="/virta/rehearsal"),
    Picture(name="rules", who="demo-registrar", at="/rules/"),
    Picture(name="rule", who="demo-registrar", at="/rules/S07"),
    Picture(
        name="alliance",
        who="demo-secretariat",
        at="/alliance/tuuli/participation",
        whole=True,
    ),
    Picture(name="institution", who="demo-admin", at="/office/institutions?what=hosted", opens=_FIRST_ROW),
    Picture(name="journal", who="demo-admin", at="/operations/journal"),
    Picture(name="own-data", who="demo-student", at="/own/"),
)  # fmt: skip


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium. Refuses with `NoBrowser` where there is none."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only in development
    except ImportError as error:
        raise NoBrowser("screenshots.no-playwright") from error
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        raise NoBrowser("screenshots.no-browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        try:
            yield opened
        finally:
            opened.close()


def take(
    *,
    address: str,
    folder: Path,
    pictures: tuple[Picture, ...] = PICTURES,
    tell: Callable[[str], None],
) -> list[Path]:
    """Takes each picture from the demo at `address`; a page that is not there is told and left out."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    with browser() as opened:
        for picture in pictures:
            file = folder / f"{picture.name}.png"
            if _take(opened, address.rstrip("/"), picture, file):
                taken.append(file)
                tell(str(file))
            else:
                tell(f"{picture.name}: {picture.at} is not there, left out")
    return taken


def _take(opened: Browser, address: str, picture: Picture, file: Path) -> bool:
    context = opened.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
        locale="en-GB",
    )
    try:
        page: Any = context.new_page()
        if picture.who:
            page.goto(f"{address}/sign-in")
            page.locator(f"button[value={picture.who}]").click()
        answer = page.goto(f"{address}{picture.at}")
        for link in filter(None, picture.opens.split(" >> ")):
            if page.locator(link).count():
                page.locator(link).first.click()
                page.wait_for_load_state()
        if answer is None or not answer.ok:
            return False
        page.screenshot(path=str(file), full_page=picture.whole)
        return True
    finally:
        context.close()
