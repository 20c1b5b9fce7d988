"""The review as one HTML page that needs no network: charts, tables and figures."""

import re
from base64 import b64encode
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import vl_convert
from markupsafe import Markup, escape

from stages import words
from stages.params import split_pair
from tools.review import charts, compare
from tools.review.compare import DOWN, UP
from tools.revisions import Revision

# Of those that can be carried the nearest to the one that DVC's page loads, so that one template serves both.
VEGA_LITE = "5.8"
VEGA = "window.vegaEmbed = vegaEmbed;"


def page(revisions: Sequence[Revision]) -> str:
    """Return the whole page; the first revision is what the others are compared with."""
    compared = {pair for revision in revisions for pair in revision.results.pairs}
    differ, same = compare.figures(revisions)
    return words.fill(
        Path(__file__).with_name("page.html"),
        compare=compare,
        revisions=revisions,
        looks=list(zip(revisions, cycle(charts.LOOKS), strict=False)),
        questions={pair: split_pair(pair) for pair in compare.questions(revisions) if pair in compared},
        words=words,
        readable=readable,
        base64=lambda data: b64encode(data).decode(),
        charts={f"losses-{model}": spec for model, spec in charts.losses(revisions).items()},
        differ=differ,
        same=same,
        vega=vl_convert.javascript_bundle(VEGA, vl_version=VEGA_LITE),
    )


def readable(text: str) -> Markup:
    """Return text as HTML with its marks in colour, which breaks after the dot of a param and in no number."""
    html = re.sub(rf"[{UP}{DOWN}] (better|worse)", r'<b class="\1">\g<0></b>', str(escape(text)))
    html = re.sub(r"[\d.]+(e-\d+| %)", r"<span>\g<0></span>", html)
    return Markup(re.sub(r"\.(?=[a-z])", ".<wbr>", html))
