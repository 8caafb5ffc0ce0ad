"""What the paper has printed: Lu et al., PaDeLLM-NER, NeurIPS 2024 (arXiv 2402.04838).

Micro F1 in percent from its tables 4 (English) and 5 (Chinese), milliseconds a text of models of 7
billion weights on one A100 from table 2, tokens of an answer from table 14.
"""

ABOUT = """\
Lu et al., NeurIPS 2024, arXiv 2402.04838: PaDeLLM and AutoReg with Llama-2-7B (English) and
Baichuan2-7B (Chinese), one text at a time on one A100, the other systems as the paper has them. By
its own account, figures of MSRA cannot be compared directly with those of others."""
ENGLISH = ("CoNLL03", "ACE05", "GENIA")
CHINESE = ("Weibo", "MSRA", "Onto4", "Resume", "Youku", "Ecom")
SETS = (*ENGLISH, *CHINESE)
PADELLM, STRUCTURED, AUGMENTED = "PaDeLLM-NER", "AutoReg-structured", "AutoReg-augmented"


def _row(*values: float | None) -> dict[str, float]:
    return {name: of for name, of in zip(SETS, values, strict=True) if of is not None}


F1 = {
    PADELLM: _row(92.52, 85.02, 77.66, 67.36, 95.03, 80.81, 94.98, 87.91, 81.85),
    STRUCTURED: _row(91.87, 82.99, 77.90, 56.07, 90.92, 80.97, 95.74, 86.85, 81.57),
    AUGMENTED: _row(93.08, 83.04, 70.16, 59.04, 95.56, 79.20, 95.80, 86.07, 76.02),
    "BINDER": _row(93.33, 89.50, 80.50, *[None] * 6),
    "GoLLIE": _row(93.10, 89.60, None, *[None] * 6),
    "DeepStruct": _row(93.00, 86.90, 80.80, *[None] * 6),
    "NEZHA-BC": _row(*[None] * 8, 82.98),
    "SSCNN": _row(*[None] * 3, 71.81, None, 82.99, 96.40, 86.10, 81.80),
    "W2NER": _row(*[None] * 3, 72.32, 96.10, 83.08, 96.65, None, None),
}
# English and Chinese, where the paper gives one.
MEANS = {
    PADELLM: (85.07, 84.66),
    STRUCTURED: (84.25, 82.02),
    AUGMENTED: (82.09, 81.94),
    "BINDER": (87.77, None),
    "DeepStruct": (86.90, None),
}
MILLISECONDS = {
    "PaDeLLM, a GPU a sequence": _row(
        229.74, 255.53, 316.90, 159.57, 143.47, 171.67, 238.27, 203.63, 293.40
    ),
    "PaDeLLM, one GPU": _row(
        333.89, 498.50, 616.01, 344.75, 204.24, 288.43, 459.20, 241.25, 419.40
    ),
    STRUCTURED: _row(753.36, 1293.87, 1266.31, 1630.62, 609.34, 783.28, 1462.56, 598.59, 738.20),
    AUGMENTED: _row(992.70, 944.90, 1515.35, 1276.32, 812.78, 1009.68, 982.39, 579.99, 845.42),
}
ANSWER_TOKENS = {
    PADELLM: _row(6.54, 8.29, 10.05, 2.19, 2.23, 2.68, 4.87, 3.66, 3.27),
    STRUCTURED: _row(28.36, 49.95, 49.03, 62.45, 18.97, 25.53, 53.02, 18.56, 22.51),
    AUGMENTED: _row(33.85, 37.10, 60.50, 45.02, 27.42, 35.90, 30.39, 18.21, 31.50),
}
