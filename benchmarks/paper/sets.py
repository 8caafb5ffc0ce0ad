"""The sets of the paper: with which base, how much of them, and how labels are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from grid.sets import find_set, labels_of, read_split, some

from spacy_padellm.formats.gold_text import GoldText

from .recipe import Recipe

SPLITS = ("train", "test")
DEFAULT_SETS = ("conll03", "weibo", "resume")


@dataclass(frozen=True)
class PaperSet:
    """recipe: what is tuned, how far. names: of labels, in words that a model has read; from the
    paper's table 16. by_character: mentions may begin and end at any character, as in scripts
    without blanks."""

    recipe: Recipe
    names: Mapping[str, str] = field(default_factory=dict)
    by_character: bool = False


def _chinese(recipe: Recipe, **names: str) -> PaperSet:
    return PaperSet(recipe, names, True)


SETS: dict[str, PaperSet] = {
    "conll03": PaperSet(Recipe("smollm2", 6000, 2)),
    "weibo": PaperSet(
        Recipe("gemma3", None, 5),
        {
            "PER.NAM": "名称特指",
            "PER.NOM": "名称代称",
            "GPE.NAM": "行政区特指",
            "GPE.NOM": "行政区代称",
            "LOC.NAM": "地点特指",
            "LOC.NOM": "地点代称",
            "ORG.NAM": "组织特指",
            "ORG.NOM": "组织代称",
        },
        by_character=True,
    ),
    "resume": _chinese(
        Recipe("gemma3", 2000, 2),
        NAME="名称",
        CONT="国籍",
        RACE="民族",
        TITLE="职位",
        EDU="学历",
        ORG="公司",
        PRO="专业",
        LOC="籍贯",
    ),
    "youku": _chinese(Recipe("gemma3", 2000, 2), TELEVISION="电视剧", PER="明星", MISC="其他"),
    "ecommerce": _chinese(Recipe("gemma3", 2000, 2), HP="品牌", HC="商品"),
    "msra": _chinese(Recipe("gemma3", 2000, 2), LOC="地点", PER="名称", ORG="组织"),
}


def find_paper_set(name: str) -> PaperSet:
    """Of a set that the paper has not: SmolLM2 on all texts, two epochs."""
    return SETS.get(name, PaperSet(Recipe("smollm2")))


@dataclass(frozen=True)
class Drawn:
    """labels: of the training texts, in words."""

    train: list[GoldText]
    test: list[GoldText]

    @property
    def labels(self) -> tuple[str, ...]:
        return labels_of(self.train)


def draw(data: Path, name: str, recipe: Recipe, seed: int) -> Drawn:
    """Raises ValueError where there is no such set, where a span of it cannot be kept, and where
    the training texts have no entity."""
    folder = find_set(data, name, SPLITS)
    words = find_paper_set(name).names
    train, test = (
        [_renamed(gold, words) for gold in read_split(folder, split)] for split in SPLITS
    )
    # Test texts are the same for all seeds.
    drawn = Drawn(
        some(train, recipe.texts or len(train), f"{name} train {seed}"),
        test if recipe.test_texts is None else some(test, recipe.test_texts, f"{name} test"),
    )
    if not drawn.labels:
        raise ValueError(f"the training texts of {name} have no entity")
    return drawn


def _renamed(gold: GoldText, words: Mapping[str, str]) -> GoldText:
    spans = tuple((start, end, words.get(label, label)) for start, end, label in gold.spans)
    return replace(gold, spans=spans)
