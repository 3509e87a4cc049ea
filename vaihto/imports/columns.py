"""Columns of a table, declared once: reading, templates and explanations follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from vaihto.imports.cells import Parse, parse_text


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: what it is called in three languages, what may stand in it, and which fact it becomes.

    `name` is the technical name and, with blanks for underscores, the English one. `field` is the field of the
    facts, where it is called otherwise. `of_part` columns describe a part of the record. `examples` are one cell
    for each example line.
    """

    name: str
    fi: str
    sv: str
    says: str
    examples: tuple[str, ...] = ()
    parse: Parse = parse_text
    required: bool = False
    field: str = ""
    of_part: bool = False
    is_secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def fact(self) -> str:
        """The field of the facts this column speaks of."""
        return self.field or self.name

    @property
    def headers(self) -> tuple[str, ...]:
        """All names it may have in a file."""
        return (self.name, self.name.replace("_", " "), self.fi, self.sv)
