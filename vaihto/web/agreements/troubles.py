"""What is wrong with a partner's copy, or with getting it, in a sentence and with what to do."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from vaihto.agreements import words
from vaihto.channels.reaching import Look
from vaihto.ewp.outcomes import TABLE, filled


def _why(code: str, facts: Mapping[str, object]) -> str:
    ending = TABLE.get(code)
    if ending is None:
        return code
    return " ".join(filled(_(text), facts) for text in (ending.sentence, ending.remedy) if text)


def problem_word(code: str) -> str:
    """What is wrong with a copy or with getting it, and whose fault it is."""
    if sentence := words.PROBLEMS.get(code):
        return _(sentence)
    if code == "gone-in-force":
        return _("The partner no longer serves its copy, although the agreement is in force.")
    return _("The last try to get the copy failed: %(why)s") % {"why": _why(code, {})}


def not_fresh(look: Look) -> str:
    """Why the partner's side could not be seen."""
    why = _why(look.code, look.facts)
    return _("The partner's side could not be asked just now: %(why)s") % {"why": why}
