"""Steps of `padellm train` against bare ones of the same texts."""

from .programs import program, refused, write_trips


def test_steps_of_both_kinds_run_in_turn(plain_lm_folder, tmp_path, capsys, monkeypatch):
    module = program("training_steps")
    done = []
    for name, what in (("run_bare", "bare"), ("reset_peak", "ours")):
        function = getattr(module, name)

        def noted(*given, function=function, what=what):
            done.append(what)
            return function(*given)

        monkeypatch.setattr(module, name, noted)
    texts = write_trips(tmp_path / "trips.jsonl", 30)
    words = [texts, "--base", plain_lm_folder, "--steps", 2]
    module.main([str(word) for word in (*words, "--output", tmp_path / "new" / "steps.md")])
    # Also the warm-up and the last step, which are not counted; a last reset ends the run.
    assert done == ["ours", "bare"] * (module.WARM_UP + 3) + ["ours"]
    page = (tmp_path / "new" / "steps.md").read_text()
    assert "`python benchmarks/training_steps.py trips.jsonl --base plain --steps 2`" in page
    assert "processor " in page and "commit " in page
    heads, _, row = [line for line in page.splitlines() if line.startswith("|")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == heads.count("|") - 1 and cells[0] == "2"
    assert all(float(cell.rstrip("%")) > 0 for cell in cells[:-1])
    assert "--steps is 0" in refused(module.main, capsys, texts, "--steps", 0)
