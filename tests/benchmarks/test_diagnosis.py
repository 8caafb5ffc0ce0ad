"""Where a model that writes loses: what it is given makes it right."""

from .programs import program, write_trips


def test_the_more_is_given_the_more_is_right(trained_folder, tmp_path, capsys):
    main = program("diagnosis").main
    corpus = write_trips(tmp_path / "trips.jsonl", 6)
    main([str(trained_folder), str(corpus)])
    _, _, *rows = capsys.readouterr().out.strip().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == [
        "as it is",
        "counts given",
        "counts and first tokens given",
    ]
    assert all(len(row) == 7 for row in cells)
    assert float(cells[0][1]) <= float(cells[2][1]) <= 100 and cells[2][-1] == "0"


def test_errors_are_of_a_kind_each():
    from spacy_padellm.formats.gold_text import GoldText

    module = program("diagnosis")
    gold = GoldText("Ada Lovelace left Rome.", ((0, 12, "PER"), (18, 22, "LOC")))
    found = {("PER", 0, 3), ("LOC", 13, 17), ("PER", 18, 22)}
    kinds = module.kinds_of_errors([found], [gold])
    assert dict(kinds) == {"edges": 1, "missed": 1, "made up": 2}
