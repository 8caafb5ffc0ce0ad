"""The command: what is asked for, a process for each cell that is not there yet, the report."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grid.command import add_options, read_number, run_command
from grid.folders import LOG
from grid.machine import threads
from grid.processes import Program, Status, run_cells
from grid.sets import find_set

from .cells import FORMATS, LATENCY, PROMPTS, TEMPLATES, Cell, plan, read_cell
from .folder import check_begun
from .guidelines import check_guided
from .origin import find_origin
from .plan import Plan
from .recipe import Recipe
from .report import write_report
from .results import Results, check_same, read_results
from .sets import DEFAULT_SETS, SPLITS, find_paper_set

PROGRAM = Path(__file__).resolve().parents[1] / "paper.py"
# Options that stand for fields of a recipe, which otherwise are those of the set.
RECIPE = ("base", "texts", "epochs", "test_texts", "steps", "batch_tokens", "learn_rate", "rank")


def make_parser() -> argparse.ArgumentParser:
    about = "The paper's experiment with small models: F1 and latency of three output formats"
    parser = argparse.ArgumentParser(PROGRAM.name, description=about)
    add_options(parser, Path("benchmarks/results/paper.jsonl"), read_cell)
    defaults = f"default: {' '.join(DEFAULT_SETS)}"
    parser.add_argument("--sets", nargs="+", default=list(DEFAULT_SETS), help=defaults)
    for name, choices, default in (
        ("--formats", FORMATS, FORMATS),
        ("--templates", TEMPLATES, TEMPLATES[:1]),
        ("--prompts", PROMPTS, PROMPTS[:1]),
    ):
        said = f"default: {' '.join(default)}"
        parser.add_argument(name, nargs="+", choices=choices, default=default, help=said)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="default: 0")
    recipe = parser.add_argument_group("recipe", "replaces the settings of every set")
    recipe.add_argument("--base", help="a name, the folder of a model, or a GGUF file")
    recipe.add_argument("--texts", type=read_number, help="training texts, drawn with the seed")
    recipe.add_argument("--epochs", type=read_number)
    recipe.add_argument("--test-texts", type=read_number, help="test texts; default: all")
    recipe.add_argument("--steps", type=read_number, help="most training steps, for a trial run")
    recipe.add_argument("--batch-tokens", type=read_number, help="tokens of texts per step")
    recipe.add_argument("--learn-rate", type=float)
    recipe.add_argument("--rank", type=read_number, help="rank of the adapter")
    recipe.add_argument("--precision", choices=("bfloat16", "float32"), help="in training")
    recipe.add_argument("--dtype", choices=("float32", "bfloat16"), help="of weights, in decoding")
    runs = parser.add_argument_group("running")
    runs.add_argument(
        "--budget", type=float, help="stop after so many minutes; the same command continues"
    )
    runs.add_argument("--threads", type=read_number, default=1, help="default: 1")
    runs.add_argument("--keep-models", action="store_true", help="keep weights beside the output")
    runs.add_argument("--skip-latency", action="store_true", help="score only")
    again = "measure latency again with models that were kept, then delete them (or --keep-models)"
    runs.add_argument("--again", action="store_true", help=again)
    runs.add_argument("--latency-texts", type=read_number, default=96, help="default: 96")
    runs.add_argument("--rounds", type=read_number, default=3, help="rounds of latency; default: 3")
    return parser


def find_recipe(arguments: argparse.Namespace, name: str) -> Recipe:
    """Of a set, with what the options say otherwise."""
    said = {key: getattr(arguments, key) for key in (*RECIPE, "precision", "dtype")}
    given = {key: value for key, value in said.items() if value is not None}
    recipe = replace(find_paper_set(name).recipe, **given)
    folder = Path(recipe.base)
    return replace(recipe, base=str(folder.resolve())) if folder.is_dir() else recipe


def say_result(cell: Cell, output: Path) -> str:
    record = read_results(output)[cell]
    if cell.format == LATENCY:
        methods = [of for of in record["methods"] if of["batch"] == 1]
        said = (f"{of['method']} {of['milliseconds']:.0f}" for of in methods)
        return f"{cell}: milliseconds per text, one by one: {', '.join(said)}"
    minutes = record["training"]["minutes"]["wall"]
    scores = record["scores"].items()
    f1 = ", ".join(f"{method} {100 * of['strings']['f']:.1f}" for method, of in scores)
    return f"{cell}: F1 of string sets: {f1}; {minutes:.1f} minutes of training"


def run(arguments: argparse.Namespace, given: Sequence[str]) -> int:
    """All cells that are not there yet. Returns how many failed.

    Raises ValueError where the output, or what is half done beside it, is of another origin, and
    as `Plan.check_latency`.
    """
    recipes = {name: find_recipe(arguments, name) for name in arguments.sets}
    for name in arguments.sets:
        find_set(arguments.data, name, SPLITS)
    if "guided" in arguments.prompts:
        check_guided(arguments.sets, arguments.templates)
    bases = {name: recipe.base_name for name, recipe in recipes.items()}
    choices = (arguments.templates, arguments.prompts, arguments.formats, arguments.seeds)
    cells = list(plan(bases, *choices, latency=not arguments.skip_latency))
    asked = read_plan(arguments)
    origins = {name: find_origin(recipe, asked.data, name) for name, recipe in recipes.items()}
    results = read_results(arguments.output)
    for cell in cells:
        check_same(results, cell, origins[cell.set])
        asked.check_latency(cell, results)
        if not asked.is_there(cell, results):
            for other in asked.needs(cell) or [cell]:
                check_begun(asked.folder(other), other, origins[cell.set])
    program = Program(
        PROGRAM,
        given,
        lambda cell: say_result(cell, arguments.output),
        lambda cell: asked.folder(cell) / LOG,
        threads(arguments.threads),
    )
    return run_cells(program, cells, lambda cell: asked.is_there(cell, results), arguments.budget)


def read_plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        arguments.data,
        arguments.output,
        () if arguments.skip_latency else tuple(arguments.formats),
        arguments.keep_models,
        arguments.latency_texts,
        arguments.rounds,
        arguments.again,
        arguments.threads,
    )


def run_one(arguments: argparse.Namespace) -> Status:
    from .running import run_cell  # torch, which the command itself can do without

    recipe = find_recipe(arguments, arguments.cell.set)
    return run_cell(arguments.cell, recipe, read_plan(arguments))


def report(arguments: argparse.Namespace, path: Path) -> str:
    """The page. Raises ValueError where the output has no result."""
    results: Results = read_results(arguments.output)
    if not results:
        raise ValueError(f"{arguments.output} has no results: run the cells first, with --data")
    return write_report(arguments.output, path, results)


def main(given: Sequence[str]) -> int:
    """The exit status."""
    return run_command(make_parser(), given, report, run, run_one)
