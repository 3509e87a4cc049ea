"""The one family of "no, because".

A refusal is expected: somebody may not, something is stale, a value is wrong. It carries a code and
facts, never a finished sentence in one language; the web and the commands make the sentence. A fault
of ours is never a `Refusal`.
"""

from __future__ import annotations

from vaihto.wording import mark as _


class Refusal(Exception):
    """Refused for a reason a person can act on.

    `code` is stable and for machines ("mobility.dates-reversed"); `facts` are the values the sentence
    names. `sentence` is the English source text with named placeholders, to be translated by whoever
    shows it; `remedy` says what to do.
    """

    sentence: str = _("This cannot be done.")
    remedy: str = ""

    def __init__(self, code: str, *, sentence: str = "", remedy: str = "", **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
        self.sentence = sentence or type(self).sentence
        self.remedy = remedy or type(self).remedy

    def __str__(self) -> str:
        """The English sentence with its facts: what a command prints and a log may keep."""
        try:
            return self.sentence % self.facts
        except (KeyError, TypeError, ValueError):
            return self.sentence


class NotAllowed(Refusal):
    """The actor may see this but may not do that."""

    sentence = _("Your role does not allow this.")
    remedy = _("Ask an administrator of the institution for the role you need.")


class Unknown(Refusal):
    """There is no such thing, or the actor may not know that there is."""

    sentence = _("There is no such record.")


class Stale(Refusal):
    """The thing changed since the actor read it."""

    sentence = _("This was changed by somebody else after you opened it.")
    remedy = _("Read the present state and decide again.")


class Invalid(Refusal):
    """A value is not possible; `field` in the facts names it where there is one."""

    sentence = _("A value is not possible.")
