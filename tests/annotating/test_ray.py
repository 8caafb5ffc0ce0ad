"""Ray on this machine, two actors: the same output, also where one of them is killed."""

import json
import logging
import os
import signal
import threading
import time

import pytest
from sample_pipelines import TEXTS

from spacy_padellm.tools.annotate.plan import Job

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

import spacy  # noqa: E402

from spacy_padellm.tools.annotate.ray_engine import run_on_ray  # noqa: E402
from spacy_padellm.tools.annotate.running import run_job  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def records(folder):
    """Scores to three digits: their last bits depend on what is read along."""
    rows = [json.loads(x) for p in sorted(folder.glob("*.jsonl")) for x in p.open(encoding="utf8")]
    for row in rows:
        row["ents"] = [[*ent[:3], round(ent[3], 3)] for ent in row["ents"]]
    return rows


@pytest.mark.slow
def test_two_actors_write_what_one_process_does_and_a_killed_one_loses_nothing(
    cluster, trained_folder, tmp_path
):
    source = tmp_path / "in.jsonl"
    texts = [TEXTS[i % 3] for i in range(240)]
    source.write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts)))
    job = Job((str(source),), str(trained_folder), "", "jsonl", 10)
    local, far = tmp_path / "local", tmp_path / "ray"
    assert sum(d.records for d in run_job(job, local, spacy.load(trained_folder), 32)) == 240

    def kill_one():
        """The first actor that has the pipeline, as soon as there is a part."""
        for _ in range(1200):
            if far.exists() and list(far.glob("part-*")):
                break
            time.sleep(0.05)
        for line in os.popen("ps -eo pid,args"):
            if "PartAnnotator" in line or "MapWorker" in line:
                os.kill(int(line.split()[0]), signal.SIGKILL)
                killed.append(line)
                return

    killed: list[str] = []
    killer = threading.Thread(target=kill_one)
    killer.start()
    done = list(run_on_ray(job, far, 32, (2, 2)))
    killer.join()
    assert killed, "no actor was seen"
    assert sorted(d.part.number for d in done) == list(range(24))
    assert records(far) == records(local)
    again = list(run_on_ray(job, far, 32, (2, 2)))
    assert len(again) == 24 and all(d.skipped for d in again)


def test_standard_input_is_refused(trained_folder, tmp_path):
    job = Job(("-",), str(trained_folder), "", "jsonl", 10)
    with pytest.raises(ValueError, match="standard input"):
        list(run_on_ray(job, tmp_path / "out", 32, (1, 1)))
