"""A file has one subject, and fits in one's head: 300 lines at most, those of tests too."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 300


def test_no_file_has_more_lines_than_fit_in_ones_head():
    folders = ("spacy_padellm", "scripts", "benchmarks", "examples", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf8").splitlines())
        for path in files
    }
    assert len(lengths) > 300
    assert not {name: n for name, n in lengths.items() if n > MOST}
