"""`python -m spacy padellm convert`: corpora between formats."""

from pathlib import Path
from typing import Annotated, Literal

from spacy.cli._util import Arg, Opt
from wasabi import Printer

from ..formats.annotated_text import OPTIONS, say_are_lost
from ..formats.columns import Columns
from ..formats.conversion import Conversion
from ..formats.docbin import AlignmentMode, DocSettings
from ..formats.docbin import Annotate as Place
from ..formats.guess import Format
from ..formats.paper import Indices
from ..plurals import count, verb
from ..tools.convert.files import convert
from ..tools.convert.report import show_problems
from .app import padellm_app
from .options import choice, read_text, say_error

Input = Annotated[
    Path, Arg(metavar="INPUT", help="File, or folder of files", exists=True, show_default=False)
]
Output = Annotated[
    Path,
    Arg(
        metavar="OUTPUT",
        help="File, or folder. One file takes the texts of a whole folder",
        show_default=False,
    ),
]
From = Annotated[
    Format | None,
    Opt(
        "--from",
        "-f",
        **choice(Format),
        help="Format of the input; by default, guessed from name and content",
    ),
]
To = Annotated[
    Format | None,
    Opt(
        "--to",
        "-t",
        **choice(Format),
        help="Format of the output; by default, guessed from the name, and .spacy in a folder",
    ),
]
LabelsMap = Annotated[
    str,
    Opt(
        "--labels-map",
        "-m",
        help="New names of labels, such as old=new,other=new. 'old=' leaves a label out",
    ),
]
Lang = Annotated[
    str, Opt("--lang", "-l", help="Language of the tokenizer for texts without tokens")
]
Annotate = Annotated[
    Place,
    Opt(
        "--annotate",
        "-a",
        **choice(Place),
        help="Where .spacy files have spans: doc.ents, doc.spans or both. auto uses the span group "
        "where spans overlap",
    ),
]
SpansKey = Annotated[str, Opt("--spans-key", "-k", help="Name of the span group")]
SpansOffTokens = Annotated[
    AlignmentMode,
    Opt(
        "--alignment-mode",
        **choice(AlignmentMode),
        help="What to do with spans that do not begin and end with tokens",
    ),
]
Separator = Annotated[
    str | None,
    Opt(
        "--separator",
        "-s",
        help="What separates columns, '\\t' for a tab. By default, a tab or blanks are read, and a "
        "tab is written",
    ),
]
ColumnToken = Annotated[
    int, Opt("--column-token", help="Column of the token, from 0, or from the end if negative")
]
ColumnTag = Annotated[
    str, Opt("--column-tag", help="Column of the tag; several, such as 2,3, for overlapping spans")
]
Detokenize = Annotated[
    bool, Opt("--detokenize", "-d", help="Natural spacing: 'Rome , Italy' becomes 'Rome, Italy'")
]
JoinSigils = Annotated[
    bool, Opt("--join-sigils", help="With --detokenize: join '#' and '@' to the next token")
]
TextComments = Annotated[
    bool,
    Opt(
        "--text-comments",
        help="Write '# text = ...' in columns, which keeps the spacing: without, tokens are joined "
        "by blanks when they are read",
    ),
]
PaperIndices = Annotated[
    Literal["auto", Indices],
    Opt(
        "--paper-indices",
        **choice(Indices, "auto"),
        help="What the paper's format counts: tokens (the last one included, or exclusive) or "
        "characters",
    ),
]
Report = Annotated[
    Path | None, Opt("--report", "-r", help="Write what could not be kept as it was, as JSON lines")
]
Strict = Annotated[
    bool,
    Opt(
        "--strict",
        help="Exit with 1 if a span, a text or its spacing is lost, or a file gives no text",
    ),
]


@padellm_app.command("convert")
def convert_cli(
    input_path: Input,
    output_path: Output,
    source: From = None,
    target: To = None,
    labels_map: LabelsMap = "",
    lang: Lang = "en",
    annotate: Annotate = "auto",
    spans_key: SpansKey = "sc",
    alignment_mode: SpansOffTokens = "strict",
    separator: Separator = None,
    column_token: ColumnToken = 0,
    column_tag: ColumnTag = "-1",
    detokenize: Detokenize = False,
    join_sigils: JoinSigils = False,
    text_comments: TextComments = False,
    paper_indices: PaperIndices = "auto",
    report: Report = None,
    strict: Strict = False,
) -> None:
    """
    Convert corpora between .spacy files, JSON lines, the paper's JSON lines, columns (CoNLL, IOB,
    BIOES), tables (CSV), Prodigy, Doccano, Label Studio, brat, WebAnno (INCEpTION), GLiNER and
    Hugging Face datasets. Files named .gz or .xz are read and written compressed.
    """
    msg = Printer()
    try:
        spans_key = read_text(spans_key, "--spans-key")
        conversion = Conversion(
            labels_map=_parse_map(read_text(labels_map, "--labels-map")),
            detokenize=detokenize,
            join_sigils=join_sigils,
            columns=Columns(column_token, _parse_columns(column_tag), _unescape(separator)),
            text_comments=text_comments,
            indices=None if paper_indices == "auto" else paper_indices,
            doc=DocSettings(annotate, spans_key, alignment_mode),
            lang=lang,
        )
        convert(input_path, output_path, conversion, source, target, msg)
    except (ValueError, ImportError, OSError) as error:
        msg.fail(say_error(error, OPTIONS), exits=1)
    show_problems(msg, conversion.problems, report)
    blank = sum(problem.fault == "blank" for problem in conversion.problems)
    said = [say_are_lost(conversion.problems)]
    said += [f"{count(blank, 'file')} {verb(blank, 'gives', 'give')} no text"] if blank else []
    if strict and any(said):
        msg.fail(f"{' and '.join(filter(None, said))}, which --strict forbids", exits=1)


def _parse_map(string: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in string.split(",") if pair.strip()]
    for old, equals, _ in pairs:
        if not old.strip() or not equals:
            raise ValueError(
                f"--labels-map {string!r} is not a list of old=new. Give it as a=b,c=d"
            )
    return {old.strip(): new.strip() for old, _, new in pairs}


def _parse_columns(string: str) -> tuple[int, ...]:
    try:
        return tuple(int(column) for column in string.split(","))
    except ValueError:
        mend = "Give numbers from 0 (or from the end if negative), as -1 or 2,3"
        raise ValueError(f"--column-tag {string!r} is not a list of columns. {mend}") from None


def _unescape(separator: str | None) -> str | None:
    if separator == "":
        raise ValueError("--separator is empty. Give the characters between columns, as '\\t'")
    return read_text(separator, "--separator").replace("\\t", "\t") if separator else None
