"""The command: what is asked for, a process for each cell that is not there yet, the report."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grid.command import add_options, run_command
from grid.folders import LOG, cell_folder
from grid.processes import Program, Status, run_cells

from .cells import SIZES, Cell, plan, read_cell, read_size
from .report import write_report
from .results import Results, is_finished, read_results
from .running import run_cell
from .sets import SETS, count_train, digest
from .systems import SYSTEM_FORM, System, get_systems

PROGRAM = Path(__file__).resolve().parents[1] / "tuning.py"


def make_parser() -> argparse.ArgumentParser:
    about = "Systems tuned on your own labels: F1, minutes and speed by the size of the training"
    parser = argparse.ArgumentParser(PROGRAM.name, description=about)
    add_options(parser, Path("benchmarks/results/tuning.jsonl"), read_cell)
    parser.add_argument("--sets", nargs="+", metavar="SET", help=f"default: {' '.join(SETS)}")
    sizes = f"training texts; default: {' '.join(SIZES)}"
    parser.add_argument("--sizes", nargs="+", metavar="SIZE", help=sizes)
    parser.add_argument("--systems", nargs="+", metavar="NAME", help="default: all")
    more = f"a further system, {SYSTEM_FORM}; without --systems only such ones run"
    parser.add_argument("--system", action="append", default=[], metavar="NAME=...", help=more)
    of_base = "a further base of `padellm train`: the name of a model, or its folder"
    parser.add_argument("--base", action="append", default=[], metavar="BASE", help=of_base)
    seeds = "default: 0 1 2 up to 200 texts, 0 above"
    parser.add_argument("--seeds", nargs="+", type=int, help=seeds)
    parser.add_argument("--budget", type=float, help="minutes of training a cell, by the clock")
    parser.add_argument("--keep-models", action="store_true", help="in the folder of each cell")
    return parser


def choose_systems(arguments: argparse.Namespace) -> dict[str, System]:
    """Those asked for, in order. Raises ValueError for unknown names."""
    systems = get_systems(arguments.system, arguments.base)
    given = [text.partition("=")[0] for text in arguments.system]
    names = [*arguments.systems, *given] if arguments.systems else given or list(systems)
    if unknown := [name for name in names if name not in systems]:
        raise ValueError(f"no system {', '.join(unknown)}: there are {', '.join(systems)}")
    return {name: systems[name] for name in dict.fromkeys(names)}


def check_same(results: Results, systems: dict[str, System], digests: dict[str, str]) -> None:
    """Raises ValueError where the output has results of another system, or of other texts, under
    the same name. digests: of the texts of each set; records of old do not have them."""
    for cell, record in results.items():
        texts = digests.get(cell.set)
        if texts and record.get("data", texts) != texts:
            raise ValueError(f"{cell} was of other texts in the output: give another --output")
        system = systems.get(cell.system)
        if system and record["made_of"] != system.made_of:
            raise ValueError(
                f"{cell.system} was {record['made_of']} in the output and is {system.made_of} now: "
                f"give another --output, or another name by --system"
            )


def choose_results(arguments: argparse.Namespace) -> Results:
    """What the output has of the sets, sizes and systems that are named, of all where none is.

    Raises ValueError where that is nothing.
    """
    sizes = [read_size(size) for size in arguments.sizes or ()]
    wanted = {"set": arguments.sets, "size": sizes, "system": arguments.systems}
    found = {
        cell: record
        for cell, record in read_results(arguments.output).items()
        if all(not those or getattr(cell, key) in those for key, those in wanted.items())
    }
    if not found:
        raise ValueError(
            f"{arguments.output} has no such results: run the cells first, with --data"
        )
    return found


def say_result(cell: Cell, output: Path) -> str:
    record = read_results(output)[cell]
    f = f"F1 {100 * record['test']['f']:.1f}" if record["test"] else "no model in the budget"
    minutes = record["minutes"]
    return f"{cell}: {f}, {minutes['cpu']:.1f} minutes of CPU, {minutes['wall']:.1f} in all"


def run(arguments: argparse.Namespace, given: Sequence[str]) -> int:
    """All cells that are not there yet. Returns how many failed."""
    systems = choose_systems(arguments)
    for system in [system for system in systems.values() if system.missing]:
        print(f"{system.name} is left out: {system.missing}", file=sys.stderr)
        del systems[system.name]
    sizes = [read_size(size) for size in arguments.sizes or SIZES]
    totals = {name: count_train(arguments.data, name) for name in arguments.sets or SETS}
    cells = list(plan(totals, sizes, list(systems), arguments.seeds))
    results = read_results(arguments.output)
    check_same(results, systems, {name: digest(arguments.data, name) for name in totals})
    program = Program(
        PROGRAM,
        given,
        lambda cell: say_result(cell, arguments.output),
        lambda cell: cell_folder(arguments.output, cell) / LOG,
    )
    return run_cells(program, cells, lambda cell: is_finished(results.get(cell), arguments.budget))


def report(arguments: argparse.Namespace, path: Path) -> str:
    """The page. Raises as `choose_results`."""
    return write_report(arguments.output, path, choose_results(arguments))


def run_one(arguments: argparse.Namespace) -> Status:
    cell, system = arguments.cell, choose_systems(arguments)[arguments.cell.system]
    fixed = (arguments.data, arguments.output, arguments.budget, arguments.keep_models)
    return run_cell(cell, system, *fixed)


def main(given: Sequence[str]) -> int:
    """The exit status."""
    return run_command(make_parser(), given, report, run, run_one)
