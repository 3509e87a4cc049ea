"""Forms with rows: as stored, as sent, or as sent with a row added and nothing judged yet.

"Add a row" is a button that sends the form, so everything works without JavaScript and nothing typed is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms import BaseForm, BaseFormSet, formset_factory

from vaihto.refusals import Refusal
from vaihto.web.wording import sentence_of

_MOST = 40


class RowForm(forms.Form):
    """One row; one in which nothing was typed is no row."""

    @property
    def typed(self) -> dict[str, Any] | None:
        """What stands in the row, or None where nothing does."""
        given = getattr(self, "cleaned_data", {})
        return given if any(value not in {"", None} for value in given.values()) else None


def rows_of(
    kind: type[RowForm],
    prefix: str,
    stored: Sequence[Mapping[str, Any]],
    data: Any = None,
    *,
    adding: bool = False,
    spare: int = 1,
    **more: Any,
) -> BaseFormSet[Any]:
    """The rows of one sort. `adding`: those of `data` unjudged, with one more; without data as stored.

    `spare` empty rows stand below the stored ones. `more` goes to each row's form.
    """
    made = formset_factory(kind, extra=0, max_num=_MOST, absolute_max=_MOST)
    if data is not None and not adding:
        return made(data, prefix=prefix, form_kwargs=more)
    if data is not None:
        names = list(kind.base_fields)
        sent = data.get(f"{prefix}-TOTAL_FORMS", "")
        count = min(int(sent) if sent.isdecimal() else 0, _MOST)
        rows: list[Mapping[str, Any]] = [
            {name: data.get(f"{prefix}-{at}-{name}", "") for name in names} for at in range(count)
        ]
        spare = 1 if data.get("add") == prefix else 0
    else:
        rows = list(stored)
    rows += [{}] * spare
    return made(initial=rows[:_MOST], prefix=prefix, form_kwargs=more)


def are_valid(*forms_: BaseForm | BaseFormSet[Any]) -> bool:
    """Is everything that was sent understood? Each one is asked, so that every error is shown."""
    return [one.is_valid() for one in forms_].count(False) == 0


def tell(form: forms.Form, refusal: Refusal) -> None:
    """Puts a refusal beside the field it is about, or on top."""
    told = sentence_of(refusal)
    field = str(refusal.facts.get("field", ""))
    form.add_error(
        field if field in form.fields else None, f"{told.sentence} {told.remedy}".strip()
    )
