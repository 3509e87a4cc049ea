"""`vaihto bench`: figures of this machine beside the limits that the machine itself sets."""

from __future__ import annotations

import importlib
import platform
import sys

from vaihto import environment
from vaihto.command import DONE, REFUSED
from vaihto.command.arguments import parser_of

_SIZES = (10_000, 100_000)


def bench(arguments: list[str]) -> int:
    """Prints each part's lines as they come. It reports and never fails."""
    parts = sorted(
        file.stem
        for file in (environment.ROOT / "bench").glob("*.py")
        if not file.stem.startswith("_") and "\ndef run(" in file.read_text("utf-8")
    )
    parser = parser_of("bench")
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=_SIZES,
        help="mobilities, one figure each; the limits named in the design are those of 1000000",
    )
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="some parts only")
    chosen = parser.parse_args(arguments)
    if not parts:
        print("vaihto: the bench comes with the source, not with the package.", file=sys.stderr)
        return REFUSED
    sys.path.insert(0, str(environment.ROOT))
    print(f"Python {platform.python_version()}, {platform.machine()}", flush=True)
    for part in chosen.only:
        print(flush=True)
        for line in importlib.import_module(f"bench.{part}").run(chosen.size):
            print(line, flush=True)
    return DONE
