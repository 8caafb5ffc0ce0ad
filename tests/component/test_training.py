import itertools

import pytest
import spacy
import torch
from sample_pipelines import add_scratch_pipe, change, make_examples
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import SGD, Adam

from spacy_padellm.models.load import load_model
from spacy_padellm.models.loaded_model import ModelSource
from spacy_padellm.models.save import save_model


@pytest.fixture
def scratch():
    nlp = spacy.blank("en")
    pipe = add_scratch_pipe(nlp)
    torch.manual_seed(0)
    examples = make_examples(nlp, 24)
    optimizer = nlp.initialize(lambda: examples)
    return nlp, pipe, examples, optimizer


def weights(pipe):
    return {k: v.clone() for k, v in pipe.shim.loaded.lm.model.state_dict().items()}


def gradients(pipe):
    model = pipe.shim.loaded.lm.model
    return {k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None}


def test_the_loss_falls_under_the_components_name(scratch):
    nlp, _, examples, optimizer = scratch
    optimizer.learn_rate = 0.003
    losses = []
    for _ in range(12):
        losses.append(nlp.update(examples, sgd=optimizer, losses={})["padellm_ner"])
    assert 3 < losses[0] < 9 and losses[-1] < losses[0] / 2


def test_accumulated_batches_step_as_one_large_batch(scratch):
    nlp, pipe, examples, _ = scratch
    start = weights(pipe)
    optimizer = Adam(0.01, grad_clip=0.0, L2=0.0)
    pipe.update(examples, sgd=optimizer)
    whole = weights(pipe)
    nlp.initialize(lambda: examples)  # so that the optimizer has seen nothing
    pipe.shim.loaded.lm.model.load_state_dict(start)
    for part in (examples[:5], examples[5:6], examples[6:]):
        pipe.update(part, sgd=None)
        assert all(torch.equal(v, start[k]) for k, v in weights(pipe).items())
    pipe.finish_update(optimizer)
    for name, value in weights(pipe).items():
        assert not torch.equal(value, start[name])
        torch.testing.assert_close(value, whole[name], atol=2e-4, rtol=1e-3)


def test_a_small_token_budget_gives_the_same_gradients(scratch):
    _, pipe, examples, _ = scratch
    pipe.update(examples)
    whole = gradients(pipe)
    pipe.shim.loaded.lm.model.zero_grad()
    change(pipe, token_budget=40)
    pipe.update(examples)
    for name, gradient in gradients(pipe).items():
        torch.testing.assert_close(gradient, whole[name], atol=1e-4, rtol=1e-3)


def test_hyper_parameters_and_schedules_are_those_of_the_config(scratch):
    _, pipe, examples, _ = scratch
    rates = itertools.count(1)
    optimizer = Adam(
        (0.001 * i for i in rates), L2=0.02, beta1=0.8, beta2=0.9, eps=1e-5, grad_clip=0.5
    )
    seen = []
    for _ in range(3):
        pipe.update(examples[:2], sgd=optimizer)
        group, of_norms = pipe.shim.make_trainable().optimizer.param_groups
        seen.append(group["lr"])
        optimizer.step_schedules()
    assert seen == pytest.approx([0.001, 0.002, 0.003])
    assert group["betas"] == (0.8, 0.9) and group["eps"] == 1e-5 and group["weight_decay"] == 0.02
    assert of_norms["weight_decay"] == 0.0


@pytest.mark.parametrize("clip, least, most", [(0.01, 0.009, 0.0101), (0.0, 0.02, 10)])
def test_clipping(scratch, clip, least, most):
    _, pipe, examples, _ = scratch
    trained = list(pipe.shim.loaded.lm.model.parameters())
    start = [weight.detach().clone() for weight in trained]
    # Of a step with a large eps, the size is about that of the gradient.
    pipe.update(examples, sgd=Adam(0.1, grad_clip=clip, eps=1.0, L2=0.0))
    moved = torch.cat([(w - s).flatten() for w, s in zip(trained, start, strict=True)])
    assert least < moved.norm() / 0.1 < most


def test_a_gradient_that_is_no_number_changes_no_weights(scratch):
    _, pipe, examples, optimizer = scratch
    start = weights(pipe)
    pipe.update(examples)
    next(pipe.shim.loaded.lm.model.parameters()).grad.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"gradient is not a number: lower the learning rate"):
        pipe.finish_update(optimizer)
    assert all(torch.equal(v, start[k]) for k, v in weights(pipe).items())


def test_an_optimizer_without_moments_is_refused(scratch):
    _, pipe, examples, _ = scratch
    with pytest.raises(ValueError, match=r"Adam.v1.*training.optimizer"):
        pipe.update(examples, sgd=SGD(0.01))


def test_lora_trains_the_adapter_alone(random_nlp):
    nlp = random_nlp(model={"peft": {"rank": 2, "alpha": 4, "dropout": 0.1, "targets": ["q_proj"]}})
    examples = make_examples(nlp, 8)
    pipe = nlp.get_pipe("padellm_ner")
    optimizer = nlp.initialize(lambda: examples)
    before = weights(pipe)
    optimizer.learn_rate = 0.01
    nlp.update(examples, sgd=optimizer)
    changed = {k for k, v in weights(pipe).items() if not torch.equal(v, before[k])}
    assert changed and all("lora_" in name and "q_proj" in name for name in changed)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_all_weights_of_a_half_precision_model_are_trained_in_float32(dtype, lm_folder, tmp_path):
    loaded = load_model(ModelSource(str(lm_folder)))
    loaded.lm.model.to(getattr(torch, dtype))
    save_model(loaded, tmp_path, "full")
    nlp = spacy.blank("en")
    nlp.add_pipe("padellm_ner", config={"model": {"name": str(tmp_path)}})
    pipe = nlp.get_pipe("padellm_ner")
    # As on an accelerator, where "auto" keeps the checkpoint's precision.
    pipe.shim._set(loaded)
    examples = make_examples(nlp, 8)
    optimizer = nlp.initialize(lambda: examples)
    losses = [nlp.update(examples, sgd=optimizer, losses={})["padellm_ner"] for _ in range(4)]
    assert losses[-1] < losses[0]
    assert {weight.dtype for weight in weights(pipe).values()} == {torch.float32}


def test_spans_without_a_score_weight_are_warned_of(random_nlp, caplog):
    nlp = random_nlp(annotate="spans", spans_key="sc")
    doc = nlp.make_doc("Ada is in Rome")
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    examples = [Example(nlp.make_doc(doc.text), doc)]
    nlp.initialize(lambda: examples)
    assert "spans_sc_f = 1.0" in caplog.text
    caplog.clear()
    nlp.config["training"]["score_weights"] = {"spans_sc_f": 1.0, "ents_f": None}
    nlp.initialize(lambda: examples)
    assert "score_weights" not in caplog.text


def test_a_loss_that_is_no_number_stops_the_training(scratch):
    _, pipe, examples, optimizer = scratch
    next(pipe.shim.loaded.lm.model.parameters()).data.fill_(float("nan"))
    with pytest.raises(ValueError, match="learning rate"):
        pipe.update(examples, sgd=optimizer)


def test_initialising_again_starts_from_the_pretrained_weights(random_nlp):
    nlp = random_nlp()
    pipe = nlp.get_pipe("padellm_ner")
    examples = make_examples(nlp, 8)
    optimizer = nlp.initialize(lambda: examples)
    start = weights(pipe)
    nlp.update(examples, sgd=optimizer)
    nlp.initialize(lambda: examples)
    assert all(torch.equal(value, start[name]) for name, value in weights(pipe).items())
    assert pipe.shim.make_trainable().optimizer is None


@pytest.mark.parametrize(
    "block, words",
    [
        ({"rank": 2, "targets": ["nowhere"]}, "peft.targets"),
        ({"rang": 2}, "no field rang"),
        ({"method": "prompt_tuning"}, "adds tokens of its own"),
    ],
)
def test_bad_adapter_settings(random_nlp, block, words):
    with pytest.raises(ValueError, match=words):
        nlp = random_nlp(model={"peft": block})
        nlp.initialize(lambda: make_examples(nlp, 2))


def test_mixed_precision(scratch):
    _, pipe, examples, optimizer = scratch
    exact = pipe.update(examples, losses={})["padellm_ner"]
    pipe.shim.make_trainable().mixed_precision = True
    rough = pipe.update(examples, sgd=optimizer, losses={})["padellm_ner"]
    assert rough != exact and rough == pytest.approx(exact, rel=0.02)


def test_an_adapter_on_a_base_of_16_bits_in_mixed_precision(random_nlp):
    """Its layers compute in 16 bits while it trains, and in their own float32 again afterwards."""
    losses = {}
    for mixed in (False, True):
        peft = {"rank": 2, "targets": "all-linear"}
        model = {"peft": peft, "dtype": "bfloat16", "mixed_precision": mixed}
        nlp = random_nlp(model=model)
        examples = make_examples(nlp, 4)
        optimizer = nlp.initialize(lambda examples=examples: examples)
        optimizer.learn_rate = 0.01
        losses[mixed] = [nlp.update(examples, sgd=optimizer)["padellm_ner"] for _ in range(6)]
        assert isinstance(nlp(examples[0].text), Doc)
    assert losses[True] == pytest.approx(losses[False], rel=0.05)
    assert losses[True][-1] < losses[True][0] and losses[True] != losses[False]


def test_docs_without_annotation_and_empty_ones_are_left_out(scratch):
    nlp, pipe, _, optimizer = scratch
    unknown = Example(nlp.make_doc("Ada came."), nlp.make_doc("Ada came."))
    empty = Example.from_dict(nlp.make_doc(""), {"entities": []})
    before = weights(pipe)
    assert pipe.update([unknown, empty], sgd=optimizer, losses={}) == {"padellm_ner": 0.0}
    assert pipe.update([], sgd=optimizer, losses={}) == {"padellm_ner": 0.0}
    assert all(torch.equal(v, before[k]) for k, v in weights(pipe).items())


def test_what_is_not_there_says_so(scratch):
    nlp, pipe, examples, _ = scratch
    with pytest.raises(NotImplementedError, match="use update"):
        pipe.get_loss(examples, None)
    with pytest.raises(NotImplementedError, match="cannot rehearse"):
        nlp.rehearse(examples)


def test_training_goes_on_after_loading(trained):
    examples = make_examples(trained, 16, seed=5)
    optimizer = trained.resume_training()
    optimizer.learn_rate = 0.0005
    first = trained.update(examples, sgd=optimizer, losses={})["padellm_ner"]
    assert first < 1.0
    assert trained.evaluate(examples)["ents_f"] > 0.8


def test_initialize_makes_a_scratch_model_anew(scratch):
    nlp, pipe, examples, _ = scratch
    before = weights(pipe)
    nlp.initialize(lambda: examples)
    after = weights(pipe)
    assert any(not torch.equal(before[k], after[k]) for k in before)
