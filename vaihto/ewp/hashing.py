"""`vaihto ewp hash FILE…`: the hash of every agreement in answers to IIAs 7 get.

Knows no Django and no setting.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any  # plain values for JSON

from vaihto.ewp.protocol.iia_hash import agreement_hashes
from vaihto.ewp.protocol.xml import MalformedXml

DONE, REFUSED = 0, 1

_EXAMPLES = """examples:
  vaihto ewp hash get-response.xml
  vaihto ewp hash --each-alone ours.xml theirs.xml
  vaihto ewp hash --text get-response.xml

A file that cannot be read or hashed is named on standard error, has "error" in its object, and the command ends with 1.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a JSON list with one object for each file; 0 when all could be hashed, 1 when not, 2 for wrong use."""
    chosen = _options().parse_args(argv)
    answers = [_answer(name, chosen) for name in chosen.files]
    sys.stdout.buffer.write(json.dumps(answers, indent=1, ensure_ascii=True).encode() + b"\n")
    sys.stdout.buffer.flush()
    for answer in answers:
        if "error" in answer:
            sys.stderr.write(f"{answer['file']}: {answer['error']}\n")
    return REFUSED if any("error" in answer for answer in answers) else DONE


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vaihto ewp hash",
        description="Print the hash of every agreement in answers to IIAs 7 get, as JSON.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="an answer as XML")
    parser.add_argument(
        "--each-alone",
        action="store_true",
        help="as if each agreement were the only one of its file: what its server should publish",
    )
    parser.add_argument("--text", action="store_true", help="show the text that is hashed too")
    parser.add_argument("--json", action="store_true", help="print JSON (the default)")
    return parser


def _answer(name: str, chosen: argparse.Namespace) -> dict[str, Any]:
    try:
        found = agreement_hashes(Path(name).read_bytes(), each_alone=chosen.each_alone)
    except OSError as error:
        return {"file": name, "agreements": [], "error": f"{error.strerror or error}."}
    except MalformedXml as error:
        return {"file": name, "agreements": [], "error": str(error)}
    agreements = [
        {"iia_id": one.iia_id, "hash": one.hash} | ({"text": one.text} if chosen.text else {})
        for one in found
    ]
    return {"file": name, "agreements": agreements}
