"""The model in the box: its speed by batch size, and its memory over a stream."""

import json

from .programs import program, refused, write_trips


def test_speed_by_batch_size(tmp_path, capsys):
    corpus = write_trips(tmp_path / "trips.jsonl", 6)
    words = [
        "--corpus",
        corpus,
        "--models",
        "english",
        "--batch-sizes",
        1,
        2,
        "--limit",
        4,
        "--rounds",
        1,
    ]
    main = program("english").main
    main([str(word) for word in (*words, "--output", tmp_path / "new" / "speed.json")])
    report = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert [(row["batch_size"], row["texts"]) for row in report["component"]] == [(1, 4), (2, 4)]
    assert all(row["texts_a_second"] > 0 for row in report["component"])
    assert {row["model"] for row in report["component"]} == {"english"}
    options = "--corpus trips.jsonl --models english --batch-sizes 1 2 --limit 4 --rounds 1"
    assert report["command"] == f"python benchmarks/english.py {options}"
    assert report["date"] and {"processor", "commit"} <= report["machine"].keys()
    assert "empty.jsonl" in refused(main, capsys, "--corpus", tmp_path / "empty.jsonl")


def test_memory_over_a_stream_of_any_length(tmp_path, capsys):
    corpus = write_trips(tmp_path / "trips.jsonl", 3)
    main = program("stream").main
    fixed = ["--corpus", str(corpus), "--output", str(tmp_path / "new" / "stream")]
    for every, seen in ((5000, [7]), (3, [3, 6, 7])):
        main([*fixed, "--texts", "7", "--every", str(every)])
        report = json.loads((tmp_path / "new" / "stream.json").read_text())
        assert [n for n, _ in report["resident_mib"]] == seen
        assert all(mib > 10 for _, mib in report["resident_mib"])
    options = "--corpus trips.jsonl --texts 7 --words 20 --every 3"
    assert report["command"] == f"python benchmarks/stream.py {options}"
    assert report["date"] and {"processor", "commit"} <= report["machine"].keys()
    page = (tmp_path / "new" / "stream.md").read_text()
    assert report["command"] in page and report["machine"]["processor"] in page
    assert "7 texts, " in page and "MiB after 3, " in page
    assert "more than 2 words: raise --words" in refused(main, capsys, *fixed, "--words", 2)
    assert "--texts is 0: give 1 or more" in refused(main, capsys, *fixed, "--texts", 0)
