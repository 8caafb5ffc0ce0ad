"""Commands that need no torch, on exported models."""

import asyncio
import importlib.util
import json

import pytest
import spacy

ALL = "analyze annotate benchmark calibrate convert explain export merge models push serve train"
EXPORTED = ("writes", "points")


@pytest.mark.parametrize("command", ["", *ALL.split()])
def test_help(command, run):
    said, code = run(*command.split(), "--help")
    assert code == 0 and "Usage" in said


@pytest.mark.parametrize(
    "command",
    ["annotate english no.txt -o out", "train no.csv -o out", "export ./no-folder -o out"],
)
def test_what_is_wrong_is_said_before_what_is_missing(command, run):
    said, code = run(*command.split())
    assert code != 0 and "pip install" not in said


@pytest.mark.parametrize(
    ("base", "extra"), [("", "torch"), ("smollm2", "smollm2"), ("org/some-model", "torch")]
)
def test_training_names_the_extra_that_has_the_base_too(base, extra, run, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("text,person\nAda Lovelace wrote.,Ada Lovelace\n")
    said, code = run("train", data, "-o", tmp_path / "out", *(["--base", base] if base else []))
    assert code != 0 and f"pip install 'spacy-padellm[{extra}]'" in " ".join(said.split())


@pytest.mark.parametrize("name", EXPORTED)
def test_annotate(name, run, models, expected, tmp_path):
    texts, entities = map(list, expected(name))
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    said, code = run("annotate", models / name, tmp_path / "texts.jsonl", "-o", tmp_path / "out")
    assert code == 0, said
    (part,) = (tmp_path / "out").glob("part-*.jsonl")
    records = [json.loads(line) for line in part.read_text().splitlines()]
    found = [[[r["text"][s:e], label] for s, e, label, _ in r["ents"]] for r in records]
    assert found == [[one[:2] for one in of_text] for of_text in entities]


@pytest.mark.parametrize("name", EXPORTED)
def test_explain(name, run, models, tmp_path):
    text = "Ada Lovelace lives in Paris."
    said, code = run("explain", text, "-p", models / name, "-o", tmp_path / "page.html")
    assert code == 0 and (tmp_path / "page.html").exists(), said


@pytest.mark.parametrize("name", EXPORTED)
def test_calibrate(name, run, models, tmp_path):
    out = tmp_path / "out"
    said, code = run("calibrate", models / name, models / "gold.spacy", out, "--recall", "0.8")
    assert code == 0, said
    assert spacy.load(out)("Ada Lovelace lives in Paris.").text


@pytest.mark.parametrize(("name", "methods"), [("writes", "tree,ahead,rows"), ("points", "")])
def test_benchmark(name, methods, run, models, tmp_path):
    options = ["-n", 6, "-r", 1, "-b", "2", "-o", tmp_path / "report"]
    options += ["-m", methods] if methods else []
    said, code = run("benchmark", models / name, models / "gold.spacy", *options)
    assert code == 0, said
    about = json.loads((tmp_path / "report.json").read_text())["about"]
    assert "torch" not in about and about["onnxruntime"] and about["threads"] >= 1


@pytest.mark.parametrize("name", EXPORTED)
def test_push_to_a_folder(name, run, models, tmp_path):
    said, code = run("push", models / name, "me/model", "--folder", tmp_path / "repository")
    assert code == 0, said
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(tmp_path / "repository")}})
    assert nlp("Ada Lovelace lives in Paris.").text


def test_models_and_convert(run, models, tmp_path):
    said, code = run("models")
    assert code == 0 and "smollm2" in said
    said, code = run("convert", models / "gold.spacy", tmp_path / "gold.jsonl")
    assert code == 0, said


def test_analyze(run, models, tmp_path):
    said, code = run("analyze", models / "writes", models / "gold.spacy", "-o", tmp_path / "a.html")
    if importlib.util.find_spec("matplotlib"):
        assert code == 0, said
    else:
        assert code == 1 and "pip install 'spacy-padellm[analyze]'" in said, said


def test_serve(run, models):
    if importlib.util.find_spec("fastapi"):
        import httpx

        from spacy_padellm.tools.serve.app import make_app

        nlp = spacy.load(models / "points")
        app = make_app(nlp, nlp.get_pipe("padellm_ner"))

        async def ask():
            door = httpx.ASGITransport(app)
            async with app.router.lifespan_context(app), httpx.AsyncClient(transport=door) as http:
                text = {"text": "Ada Lovelace lives in Paris."}
                return await http.post("http://localhost/v1/extract", json=text)

        answer = asyncio.run(ask())
        expected = [ent.text for ent in nlp("Ada Lovelace lives in Paris.").ents]
        assert [span["text"] for span in answer.json()["results"][0]["spans"]] == expected
    else:
        said, code = run("serve", "-p", models / "points")
        assert code == 1 and "pip install 'spacy-padellm[serve]'" in said, said


@pytest.mark.parametrize(
    ("options", "extra", "package"),
    [(["--format", "parquet"], "parquet", "pyarrow"), (["--engine", "ray"], "ray", "ray")],
)
def test_other_extras_of_annotate(options, extra, package, run, models, tmp_path):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    (tmp_path / "texts.txt").write_text("Ada left.\n")
    arguments = [models / "points", tmp_path / "texts.txt", "-o", tmp_path / "out", *options]
    said, code = run("annotate", *arguments)
    assert code == 1 and f"pip install 'spacy-padellm[{extra}]'" in said, said
