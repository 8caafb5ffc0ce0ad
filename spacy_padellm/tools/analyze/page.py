"""An analysis as a page."""

from ..pages import environment
from .analysis import KINDS, Analysis
from .plots import plot_calibration, plot_counts, to_data_uri


def render_analysis(analysis: Analysis, pipeline: str, corpus: str) -> str:
    """All of it, plots as images within the page."""
    labels = sorted({*analysis.spans["per_type"], *analysis.counts})
    return (
        environment()
        .get_template("analyze.html")
        .render(
            analysis=analysis,
            pipeline=pipeline,
            corpus=corpus,
            labels=labels,
            kinds=KINDS,
            calibration=to_data_uri(plot_calibration(analysis)),
            counts=to_data_uri(plot_counts(analysis)),
        )
    )
