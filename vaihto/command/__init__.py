"""The command `vaihto`: parses arguments, calls one function, prints what happened, exits with a meaning.

What belongs here: the entry and its sub-commands. What does not: decisions. Start reading at `main` and
`TABLE`. Exit codes: 0 yes or done, 1 no or refused, 2 wrong use or a setting that cannot be understood.

Nothing of Django is imported here, so that commands about files alone start at once and need no setting.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vaihto import environment

DONE, REFUSED, WRONG_USE = 0, 1, 2


@dataclass(frozen=True)
class Command:
    """A sub-command: its words, one sentence, and where its function or management command is.

    `function` is `module:name` of a function from arguments to an exit code. `management` is the name of
    a management command that some room supplies; its options and examples are its own. `bare` commands run without
    Django, a database or any setting.
    """

    words: str
    says: str
    function: str = ""
    management: str = ""
    bare: bool = False
    examples: tuple[str, ...] = ()


TABLE: tuple[Command, ...] = (
    Command(
        "serve",
        "Serve the pages.",
        function="vaihto.command.serving:serve",
        examples=(
            "vaihto serve",
            "vaihto serve --host 0.0.0.0 --port 8080 --workers 4",
            "vaihto serve --port 8443 --certificate chain.pem --key key.pem",
        ),
    ),
    Command(
        "work",
        "Do background work and timed work until stopped.",
        function="vaihto.command.working:work",
        examples=("vaihto work", "vaihto work --until-idle"),
    ),
    Command(
        "demo",
        "Build the demo alliance and serve it on this machine.",
        function="vaihto.command.demonstration:demo",
        bare=True,  # it makes its own settings before Django reads them
        examples=(
            "vaihto demo",
            "vaihto demo --port 8010",
            "vaihto demo --fresh --no-serve",
            "vaihto demo --partner validator-hei01.developers.erasmuswithoutpaper.eu",
            "vaihto demo --hosts tuulisalmi.example --size bare",
        ),
    ),
    Command(
        "judge",
        "Judge the facts of a JSON file: what is written down and what counts, and why.",
        function="vaihto.virta.judge:main",
        bare=True,
        examples=("vaihto judge facts.json",),
    ),
    Command(
        "import",
        "Bring a file in: persons, mobilities, headcounts and other kinds.",
        management="import_file",
    ),
    Command(
        "virta export",
        "Write the VIRTA file of an institution.",
        management="virta_export",
    ),
    Command(
        "virta check",
        "Tell in plain words what is wrong in VIRTA files, whoever made them.",
        function="vaihto.virta.check:main",
        bare=True,
        examples=("vaihto virta check Liikkuvuusjaksot.xml", "vaihto virta check --strict *.xml"),
    ),
    Command(
        "ewp catalogue",
        "Tell how old our copy of the registry's catalogue is, or fetch the newest.",
        function="vaihto.command.catalogue:catalogue",
        examples=("vaihto ewp catalogue", "vaihto ewp catalogue --refresh --json"),
    ),
    Command(
        "ewp manifest",
        "Write the manifests of the hosted institutions.",
        function="vaihto.command.manifest:write",
        examples=(
            "vaihto ewp manifest uni.example",
            "vaihto ewp manifest --all --output manifests",
        ),
    ),
    Command(
        "ewp keys",
        "Show, make, roll over or withdraw the keys that sign for hosted institutions.",
        function="vaihto.command.ewp_keys:keys",
        examples=(
            "vaihto ewp keys",
            "vaihto ewp keys uni.example --json",
            "vaihto ewp keys uni.example --roll --after 6",
            "vaihto ewp keys --server --roll",
            "vaihto ewp keys --withdraw 3f9a02 --reason 'the backup was stolen'",
        ),
    ),
    Command(
        "ewp call",
        "Ask a partner one question, and show what it answers or why it does not.",
        function="vaihto.command.calling:call",
        examples=(
            "vaihto ewp call partner.example echo echo=hello echo=again",
            "vaihto ewp call partner.example institutions hei_id=partner.example --as uni.example",
            "vaihto ewp call partner.example iias-v7 index --json",
            "vaihto ewp call partner.example file file_id=7b7d6c31 --raw > file.pdf",
        ),
    ),
    Command(
        "ewp doctor",
        "Examine this node, or a partner: what is wrong, whose it is, and what to do.",
        function="vaihto.command.doctor:doctor",
        examples=(
            "vaihto ewp doctor",
            "vaihto ewp doctor partner.example",
            "vaihto ewp doctor partner.example --as uni.example --json",
        ),
    ),
    Command(
        "ewp hash",
        "Print the hash of every agreement in answers to IIAs 7 get.",
        function="vaihto.ewp.hashing:main",
        bare=True,
        examples=("vaihto ewp hash get-response.xml", "vaihto ewp hash --each-alone *.xml"),
    ),
    Command(
        "registry",
        "Run a registry of one's own: import manifests, serve the catalogue.",
        function="vaihto.command.registry:registry",
        bare=True,
        examples=(
            "vaihto registry --source https://a.example/ewp/a.example/manifest.xml",
            "vaihto registry --source 'https://a.example/ewp/a.example/manifest.xml a[.]example' --every 60",
            "vaihto registry --sources alliance.txt --certificate chain.pem --key key.pem",
            "vaihto registry --sources alliance.txt --public-url https://registry.example.org",
            "vaihto registry --sources test.txt --ca-file authority.pem --allow-private",
        ),
    ),
    Command(
        "network",
        "Run three nodes and a registry on this machine, over TLS, filled by the demo.",
        function="vaihto.command.network:network",
        bare=True,
        examples=("vaihto network", "vaihto network --fresh --port 9440 --json"),
    ),
    Command(
        "classification",
        "Judge everybody, see whose verdict other rules would change, adopt them.",
        management="classification",
    ),
    Command(
        "schemas install",
        "Fill the folder of official schemas and check every file.",
        function="vaihto.command.schemas:install",
        bare=True,
        examples=(
            "vaihto schemas install --from ~/Downloads/schemas.zip",
            "vaihto schemas install --from ../shared/schemas --to var/schemas",
            "vaihto schemas install --from-publishers",
        ),
    ),
    Command(
        "keys rotate",
        "Write every protected field anew with the newest key.",
        function="vaihto.command.keys:rotate",
        examples=("VAIHTO_FIELD_KEYS=new,old vaihto keys rotate",),
    ),
    Command(
        "check",
        "Check the installation; with --deploy also what is unsafe in production.",
        function="vaihto.command.checking:check",
        examples=("vaihto check", "vaihto check --deploy --json"),
    ),
    Command(
        "accounts add",
        "Add a local account, with a role where one is named.",
        function="vaihto.command.accounts:add",
        examples=(
            "vaihto accounts add bruno --name 'Bruno Bell' --role registrar --at uni.example",
            "vaihto accounts add olli --operator",
        ),
    ),
    Command(
        "accounts password",
        "Give a local account a new password, read from the terminal or standard input.",
        function="vaihto.command.accounts:password",
        examples=("vaihto accounts password bruno", "vaihto accounts password bruno < secret.txt"),
    ),
    Command(
        "migrate",
        "Bring the tables of the database up to date.",
        management="migrate",
        examples=("vaihto migrate", "vaihto migrate --plan"),
    ),
    Command(
        "bench",
        "Measure this machine against its own limits.",
        function="vaihto.command.measuring:bench",
        bare=True,
        examples=("vaihto bench", "vaihto bench --size 10000 100000 --only judging virta"),
    ),
    Command(
        "screenshots",
        "Take pictures of the main pages of the demo.",
        management="screenshots",
        examples=("vaihto screenshots --output docs/images",),
    ),
)

_INTRODUCTION = (
    "Mobility of a European university alliance: brought in, judged, explained, counted, sent on."
)


def overview() -> str:
    """The text of `vaihto --help`."""
    width = max(len(command.words) for command in TABLE) + 2
    lines = [f"  {command.words:<{width}}{command.says}" for command in TABLE]
    return "\n".join(
        [
            "usage: vaihto COMMAND [options]",
            "",
            _INTRODUCTION,
            "",
            "commands:",
            *lines,
            "",
            "`vaihto COMMAND --help` shows options and examples. Settings: docs/reference/settings.md.",
            "Exit codes: 0 yes or done, 1 no or refused, 2 wrong use.",
        ]
    )


def find(arguments: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command that the first one or two words name, and the arguments that are left."""
    for length in (2, 1):
        words = " ".join(arguments[:length])
        for command in TABLE:
            if command.words == words and len(arguments) >= length:
                return command, list(arguments[length:])
    return None, list(arguments)


def _unknown(arguments: Sequence[str]) -> str:
    first = arguments[0]
    family = [c.words for c in TABLE if c.words.startswith(f"{first} ")]
    if family:
        return f"vaihto {first}: say which: " + ", ".join(f"`vaihto {words}`" for words in family)
    near = difflib.get_close_matches(first, [c.words.split()[0] for c in TABLE], n=1)
    hint = f" Did you mean `vaihto {near[0]}`?" if near else ""
    return f"vaihto: there is no command {first!r}.{hint} `vaihto --help` lists them."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one sub-command and returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(overview())
        return DONE if arguments else WRONG_USE
    if arguments[0] in {"-V", "--version"}:
        print(f"vaihto {importlib.metadata.version('vaihto')}")
        return DONE
    command, rest = find(arguments)
    if command is None:
        in_family = any(c.words.startswith(f"{arguments[0]} ") for c in TABLE)
        if in_family and {"-h", "--help"} & set(arguments[1:]):
            for each in TABLE:
                if each.words.startswith(f"{arguments[0]} "):
                    print(f"vaihto {each.words}\n    {each.says}")
            return DONE
        print(_unknown(arguments), file=sys.stderr)
        return WRONG_USE
    try:
        return _run(command, rest)
    except environment.Malformed as error:
        print(f"vaihto: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return DONE


def _run(command: Command, arguments: list[str]) -> int:
    if command.bare:
        return _function(command.function)(arguments)
    framework = importlib.import_module("vaihto.command.framework")
    if command.management:
        return int(framework.run_management(command, arguments))
    return int(framework.run_function(lambda: _function(command.function)(arguments)))


def _function(place: str) -> Callable[[list[str]], int]:
    module, name = place.split(":")
    found: Callable[[list[str]], int] = getattr(importlib.import_module(module), name)
    return found
