"""A model of torch as a folder that both runtimes read."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from ...lm.language_model import LanguageModel
from ...prompts.plain_text import PlainTextEncoder
from ..files.header import read_header
from ..loaded_model import LoadedModel
from ..rounded_files import are_kept
from ..save import save_model
from .bodies import Body, CachedBody, PlainBody, WordsBody, layer_shapes
from .description import (
    BODY,
    WORDS,
    Description,
    HeadPart,
    LayerPart,
    Precision,
    TokensPart,
)
from .edition import mark_edition
from .examples import make_examples, states_of
from .probing import check_exportable, check_roundable, embedding_scale, find_head
from .rounded_model import rounded_model
from .serialized import serialize
from .stored_weights import StoredWeights
from .tokenizer import FastTokenizer

logger = logging.getLogger(__name__)
_OPSET = 17
# Texts that tokenizers differ in: blanks, line ends, accents, other scripts, their own tokens.
PROBES = (
    "Ada Lovelace met  Charles Babbage\nin London.",
    " a",
    "",
    "ÉCOLE école e\u0301 ﬁ ß, 小明在北京。",
    "it's 5.5% <|endoftext|> </s> [SEP] <s> <unk>",
    "\U0001f469\u200d\U0001f467 naïve\t\u200b\u00a0x",
)
_NARROW = (torch.float16, torch.bfloat16)


def write_exported(
    loaded: LoadedModel[LanguageModel],
    folder: Path,
    precision: Precision = "fp32",
    texts: Sequence[str] = PROBES,
) -> Description:
    """Writes the model as `save_model` does, in full, and beside it what the ONNX runtime reads.
    Files of weights in 8 bits stay as they are, and what it reads names them.

    The model must be on a CPU in float32, and be nobody else's: with "fp16" its own weights are
    rounded. texts: that "int8" is fitted to.

    Raises ValueError with a mend for a model that cannot be exported.
    """
    check_exportable(loaded.lm)
    if precision != "int8":
        return _write(loaded, folder, precision)
    check_roundable(loaded.lm)
    body = _body(loaded.lm)
    exact = states_of(body, list(make_examples(loaded, body, texts)))
    with rounded_model(loaded, folder) as rounded:
        return _write(rounded, folder, precision, texts, exact)


def _write(
    loaded: LoadedModel[LanguageModel],
    folder: Path,
    precision: Precision,
    texts: Sequence[str] = (),
    exact: Sequence[np.ndarray] = (),
) -> Description:
    """exact: the states of the texts before anything was rounded."""
    lm = loaded.lm
    if precision == "fp16":
        if are_kept(loaded.source):
            raise ValueError(
                f"{lm.name} has weights in 8 bits, and would be larger in 16: give --precision "
                f"fp32, which keeps them as they are"
            )
        _round(lm)
    with _narrow(lm):
        save_model(loaded, folder, "full")
    stored = StoredWeights(folder)
    embeddings = lm.model.get_input_embeddings().weight
    layers = () if lm.points else layer_shapes(lm)
    description = Description(
        precision=precision,
        tokens=_tokens(lm.tokenizer, folder),
        embeddings=stored.require(_array(embeddings)),
        embedding_scale=embedding_scale(lm),
        layers=[LayerPart(**vars(shape)) for shape in layers],
        window=lm.window,
        max_positions=lm.max_positions,
        head=None if lm.points else _head_part(lm, stored),
        words=WORDS if lm.points else None,
    )
    body = _body(lm)
    with lm.turn:
        rounds = precision == "int8"
        graph = trace(body, body.example, body.inputs, body.outputs, body.axes, fold=rounds)
    if rounds:
        from .rounding import round_matrices

        examples = list(make_examples(loaded, body, texts))
        graph = round_matrices(graph, embeddings.shape[1], examples, exact, stored)
    graphs = {BODY: graph}
    if lm.pointers is not None:
        axes = {0: "texts", 1: "words"}
        graphs[WORDS] = trace(
            WordsBody(lm.pointers.words),
            [torch.ones(2, 3, 4, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool)],
            ["hashes", "words"],
            ["vectors"],
            {name: axes for name in ("hashes", "words", "vectors")},
        )
    for graph in graphs.values():
        stored.refer(graph)
    edition = mark_edition(graphs.values(), folder)
    for file, graph in graphs.items():
        (folder / file).write_bytes(serialize(graph))
    layouts = {name: read_header(folder / name).digest for name in sorted(stored.named)}
    found = {"weights": [*layouts], "layouts": layouts, "edition": edition}
    description = description.model_copy(update=found)
    description.write(folder)
    return description


def trace(
    module: nn.Module,
    example: Sequence[torch.Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: dict[str, dict[int, str]],
    fold: bool = False,
) -> onnx.ModelProto:
    """The graph of a module, by torch's exporter of traces: with a cache whose columns vary that of
    `torch.export` takes minutes, and fails for some architectures. axes: of inputs and outputs,
    those that vary. fold: turns matrices as the runtime reads them; others can be found in
    the files of the model. Raises ValueError for what cannot be traced."""
    module.eval()
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    try:
        exporter.setLevel(logging.ERROR)
        with (
            tempfile.TemporaryDirectory() as temporary,
            warnings.catch_warnings(),
            torch.inference_mode(False),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            path = Path(temporary) / BODY
            torch.onnx.export(
                module,
                tuple(example),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
                do_constant_folding=fold,
            )
            return onnx.load(str(path))
    except Exception as error:  # whatever an architecture does that cannot be traced
        raise ValueError(
            f"the model cannot be exported ({type(error).__name__}: {str(error)[:200]}): run it "
            f"with runtime = 'torch'"
        ) from error
    finally:
        exporter.setLevel(level)


def _body(lm: LanguageModel) -> Body:
    return PlainBody(lm) if lm.points else CachedBody(lm, layer_shapes(lm))


def _head_part(lm: LanguageModel, stored: StoredWeights) -> HeadPart:
    head = find_head(lm)
    return HeadPart(
        weight=stored.require(_array(head.weight)),
        bias=None if head.bias is None else stored.require(_array(head.bias)),
        softcap=head.softcap,
        scale=head.scale,
    )


def _tokens(tokenizer: Any, folder: Path) -> TokensPart:
    """Raises ValueError for a tokenizer whose file, read alone, reads other tokens."""
    names = ("bos_token", "eos_token", "unk_token")
    path = folder / "tokenizer.json"
    if path.is_file():
        tokens = {name: getattr(tokenizer, name, None) for name in names}
        alone = FastTokenizer.read(path, tokens)
        of_prompts = [PlainTextEncoder(one) for one in (tokenizer, alone)]
        found, wanted = ([one.encode(text) for text in PROBES] for one in of_prompts)
        if found == wanted:
            return TokensPart(**tokens)
    raise ValueError(
        "the model cannot be exported: its tokenizer is more than its tokenizer.json. Run it with "
        "runtime = 'torch'"
    )


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().float().cpu().numpy()


def _weights(lm: LanguageModel) -> list[torch.Tensor]:
    return [weight for weight in lm.model.parameters() if weight.dtype == torch.float32]


def _round(lm: LanguageModel) -> None:
    """To what float16 holds. Raises ValueError where that is not enough."""
    for weight in _weights(lm):
        weight.data = weight.data.half().float()
        if not bool(weight.isfinite().all()):
            raise ValueError(
                f"{lm.name} has weights that float16 does not hold: give --precision fp32"
            )


@contextmanager
def _narrow(lm: LanguageModel) -> Iterator[None]:
    """Weights that 16 bits hold without loss are in these, to be saved so."""
    weights = _weights(lm)
    dtype = next((d for d in _NARROW if all(_fits(w, d) for w in weights)), None)
    if dtype is not None:
        for weight in weights:
            weight.data = weight.data.to(dtype)
    try:
        yield
    finally:
        for weight in weights:
            weight.data = weight.data.float()


def _fits(weight: torch.Tensor, dtype: torch.dtype) -> bool:
    return bool((weight.data.to(dtype).float() == weight.data).all())
