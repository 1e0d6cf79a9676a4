"""`vlm-lab COMMAND`, or `python -m vlm_lab COMMAND`: finds the command's module and prints its
errors as one message.

vlm-lab --help
"""

import argparse
import importlib
import os
import re
import signal
import sys
from collections.abc import Sequence

from vlm_lab.commands import format_command
from vlm_lab.errors import UserError, explain_missing_module
from vlm_lab.exit_status import EXIT_STATUS_MEANINGS, ExitStatus
from vlm_lab.sanitize import terminal_safe_lines

COMMANDS = {
    "accept": "make a run the baseline that later runs are held against",
    "clean": "delete a run and its cached replies",
    "compare": "did a candidate get worse from one run to another? exit 1 when it did",
    "corrections": (
        "list the references of a run that may be wrong, "
        "or open a page to correct any value of them"
    ),
    "decide": (
        "chosen, rejected or needs_more_data: the word for each candidate of a run, or of several, "
        "with its evidence"
    ),
    "export": (
        "write a candidate with its prompt, schema, settings and a script as a folder to carry away"
    ),
    "forget": "remove one document from all runs, the cache, corrections, labels and the baseline",
    "init": "write a suite for your own documents and references, or check one",
    "label": "draw the documents worth a label next, and label them on a page",
    "models": (
        "list the candidates; write an interpreter's set-up for one that needs other versions"
    ),
    "plan": "how many labelled documents the rules take, and how many hours of labelling",
    "policy": (
        "write which documents of a candidate may be booked without anybody looking, where that is "
        "shown; exit 1 where it is not"
    ),
    "report": (
        "print a run's summary, write it as html, md, confluence or csv (`--no-values` for "
        "strangers), join others (`--with RUN`), or show what changed between two"
    ),
    "run": "run every model x prompt x document; takes the options of pytest, too",
    "score": "score a file of predictions against references with our score and the published ones",
    "try": "load a candidate, read three pages, and write what can be told of it to others",
    "weights": "where every candidate's weights are; fetch them, or plan to",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns how it ended."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return _print_overview(name)
    try:
        return _run_command(name, arguments[1:])
    except UserError as error:
        print(f"vlm-lab {name}: {terminal_safe_lines(str(error))}", file=sys.stderr)
        return ExitStatus.UNUSABLE_INPUT
    except ModuleNotFoundError as error:
        print(f"vlm-lab {name}: {explain_missing_module(error)}", file=sys.stderr)
        return ExitStatus.UNUSABLE_INPUT
    except BrokenPipeError:
        return _close_broken_pipe()
    except OSError as error:  # a folder where a file is wanted, a full disk
        place = f"{error.filename2 or error.filename}: " if error.filename else ""
        reason = terminal_safe_lines(f"{place}{error.strerror or error}")
        print(f"vlm-lab {name}: {reason}", file=sys.stderr)
        return ExitStatus.UNUSABLE_INPUT
    except KeyboardInterrupt:
        print(f"vlm-lab {name}: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def _run_command(name: str, arguments: Sequence[str]) -> int:
    module = importlib.import_module(f"vlm_lab.cli.{name}")
    parser = argparse.ArgumentParser(
        format_command(name),
        description=_write_program_out(module.__doc__ or ""),
        formatter_class=_RawHelpFormatter,
    )
    module.add_arguments(parser)
    args, unknown_arguments = parser.parse_known_args(arguments)
    args.unknown_arguments = unknown_arguments
    if unknown_arguments and not getattr(module, "TAKES_MORE", False):
        parser.error(f"unrecognized arguments: {' '.join(unknown_arguments)}")
    status = int(module.main(args))
    sys.stdout.flush()
    return status


def _write_program_out(text: str) -> str:
    """A docstring's examples, `vlm-lab report RUN`, as they are typed here."""
    program = format_command()
    examples = re.sub(r"^vlm-lab(?= )", lambda _: program, text, flags=re.MULTILINE)
    indent = " " * (len(program) - len("vlm-lab"))
    return re.sub(r"^(?= {12})", indent, examples, flags=re.MULTILINE)


def _close_broken_pipe() -> int:
    """The end of a command whose reader has gone (`vlm-lab ... | head`): quiet, also when Python
    closes stdout, and with the status that a shell gives for SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13


class _RawHelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Docstrings are written to be read as they stand."""


def _print_overview(name: str) -> int:
    is_help = name in ("", "-h", "--help")
    lines = [f"usage: {format_command()} COMMAND [options]", ""]
    lines += [f"  {command:<12} {text}" for command, text in COMMANDS.items()]
    lines += [
        "",
        f"exit status of a command; {format_command('run')} has pytest's, docs/ci.md lists both:",
        "",
    ]
    lines += [
        f"  {status.value:<12} {meaning}"
        for status, (_, meaning) in EXIT_STATUS_MEANINGS.items()
        if meaning
    ]
    if not is_help:
        lines.append(f"\nvlm-lab: no command {name!r}; the commands are above")
    print("\n".join(lines), file=sys.stdout if is_help else sys.stderr)
    return ExitStatus.OK if is_help else ExitStatus.UNUSABLE_INPUT
