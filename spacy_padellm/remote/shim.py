"""The model of the component where it is behind a server: nothing here is trained or saved."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import srsly
from pydantic import RootModel

from ..architectures.protocol import DecodingShim
from ..cached import cached_property
from ..decoding import DecodingSettings
from ..extras import NotInstalledError, has
from ..models.exported.tokenizer import read_alone
from ..models.files.json_file import parse_checked, read_checked
from ..models.files.schemas import Label, Text
from ..models.hub_access import hub_or_downloads
from ..models.loaded_model import LoadedModel
from ..models.loading_lock import loading_lock
from ..models.model_settings import ModelSettings, read_settings
from ..models.place import ModelPlace, find_place
from ..models.prepared.prepare import prepare
from ..models.shared_result import SharedResult
from ..prompts.encoding import PromptEncoder
from ..prompts.template import PLAIN, PromptTemplate
from ..spans.numeric import check_number
from .client import CompletionsClient
from .decoder import ServedModel, ServerDecoder
from .grammar_support import GrammarSupport
from .settings import ServerSettings


def _read_tokenizer(place: ModelPlace) -> Any:
    """By transformers, where it is installed."""
    if not has("torch"):
        return read_alone(place)
    from ..models.files.pretrained import read_tokenizer

    with loading_lock():
        return read_tokenizer(place)


class SavedLabels(RootModel[dict[Label, Text]]):
    """`labels.json`: label → description."""


class ServerShim(DecodingShim):
    """tokenizer: folder or Hub id of the served model's, where prompts are made and texts are cut
    into windows; with `padellm.json` beside it, template and labels are known. prompts: "ids" or
    "text", what is sent. max_positions: tokens that the server's model takes."""

    has_accelerator = True  # elsewhere: while it works, the next batch is prepared

    def __init__(
        self,
        server: ServerSettings,
        tokenizer: str,
        template: PromptTemplate | None,
        prompts: str,
        max_positions: int | None,
    ) -> None:
        super().__init__(model=None)
        if prompts not in ("ids", "text"):
            raise ValueError(f"the model setting `prompts` is {prompts!r}: choose 'ids' or 'text'")
        if max_positions is not None:
            check_number("the model setting `max_positions`", max_positions, least=1, whole=True)
        self.server = server
        self.tokenizer = tokenizer
        self.template = template
        self.send_ids = prompts == "ids"
        self.max_positions = max_positions
        self.client = CompletionsClient(server)
        self.grammars = GrammarSupport(self.client, server.grammar)
        self._labels: dict[str, str] | None = None
        self._loaded: LoadedModel[ServedModel] | None = None
        self._loading: SharedResult[LoadedModel[ServedModel]] = SharedResult()

    @property
    def _place(self) -> ModelPlace:
        """Raises ValueError for a tokenizer that is nowhere."""
        return find_place(self.tokenizer, "tokenizer")

    @cached_property
    def _settings(self) -> ModelSettings:
        return read_settings(self._place) or ModelSettings()

    @property
    def loaded(self) -> LoadedModel[ServedModel]:
        """Raises ValueError for a tokenizer that cannot be read, or not without transformers."""
        return self._loading.get(self._load) if self._loaded is None else self._loaded

    def _load(self) -> LoadedModel[ServedModel]:
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    @hub_or_downloads()
    def _read(self) -> LoadedModel[ServedModel]:
        settings = self._settings.asking(self.template, self.server.model)
        try:
            place = prepare(self._place)
            place.fetch()
            tokenizer = _read_tokenizer(place)
        except NotInstalledError:
            raise
        except ValueError as error:
            raise ValueError(
                f"the model setting `tokenizer` is {self.tokenizer!r}, from which no tokenizer can "
                f"be read: name the model's own folder (of a pipeline, padellm_ner/model in it). "
                f"{error}"
            ) from error
        name = f"{self.server.model} at {self.server.url}"
        lm = ServedModel(name, tokenizer, self.max_positions)
        template = settings.template or PLAIN  # nothing here says whether it was trained
        settings = replace(settings, labels=tuple(self.known_labels()), template=template)
        return LoadedModel(lm, settings)

    def known_labels(self) -> dict[str, str]:
        """Label → description: saved ones, or those beside the tokenizer."""
        return self._settings.described if self._labels is None else self._labels

    def make_decoder(
        self, name: str, encoder: PromptEncoder, settings: DecodingSettings
    ) -> ServerDecoder:
        """Raises ValueError as `ServerDecoder`."""
        del name
        return ServerDecoder(
            self.client, self.loaded.lm, encoder, self.send_ids, self.grammars, settings
        )

    def prepare(self) -> None:
        """Nothing is to be readied before decoding."""

    def initialize(
        self, texts: Callable[[], Any], labels: Mapping[str, str], renamed: bool = False
    ) -> None:
        """Keeps the labels; the model stays as it is."""
        del texts, renamed
        self._labels = dict(labels)

    def own(self) -> NoReturn:
        raise ValueError(
            f"the model is behind a server ({self.server.url}) and cannot be trained or changed "
            f"here: name the folder of its weights with @architectures = "
            f'"spacy_padellm.CausalLM.v1", or freeze the component (frozen_components) where '
            f"others are trained"
        )

    def add_gradients(self, *_: Any) -> NoReturn:
        self.own()

    def __call__(self, batch: Any, is_train: bool) -> NoReturn:
        """Raises ValueError: it is no thinc model to run or train."""
        self.own()

    def to_device(self, device_type: str, device_id: int) -> None:
        """The server decides where its model is."""

    # --- to and from disk: what is needed is in the config

    def save(self, folder: Path, save_mode: str, labels: Mapping[str, str]) -> str:
        del save_mode
        folder.mkdir(parents=True, exist_ok=True)
        srsly.write_json(folder / "labels.json", dict(labels))
        return "reference"

    def read(self, folder: Path, full: bool) -> None:
        del full
        self._labels = dict(read_checked(folder / "labels.json", SavedLabels).root)

    def to_bytes(self) -> bytes:
        return bytes(srsly.msgpack_dumps(self.known_labels()))

    def from_bytes(self, data: bytes) -> "ServerShim":
        packed = srsly.json_dumps(srsly.msgpack_loads(data))
        self._labels = dict(parse_checked(packed, SavedLabels, "the bytes of the component").root)
        return self
