"""Numbers, shares, intervals and verdicts as people read them, in every report alike."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from stages.params import split_pair
from stages.results import FEWEST_REPLICATES, LEVEL, Estimate, PairMeasure

TOO_FEW = "too few replicates"
CONSTANT = "constant predictor"  # of the mean of the training targets


def number(value: float | None) -> str:
    """Return `value` with 3 significant digits; "none" where it is undefined."""
    return "none" if value is None else f"{value:.3g}"


def percent(share: float) -> str:
    """Return `share` in whole percent; "undefined" for nan."""
    return "undefined" if math.isnan(share) else f"{100 * share:,.0f} %"


def chance(p: float) -> str:
    """Return a probability in whole percent, with a digit more where it would round to the 50 where verdicts turn."""
    rounded = round(100 * p)
    return f"{rounded} %" if (rounded - 50) * (p - 0.5) > 0 or p == 0.5 else f"{100 * p:.1f} %"


def level(confidence: float) -> str:
    """Return the level of an interval: "99.3 %"."""
    return f"{100 * confidence:.3g} %"


CONFIDENCE = level(LEVEL)


def epochs(count: int) -> str:
    """Return "1,000 epochs"."""
    return count_of(count, "epoch")


def count_of(count: int, what: str) -> str:
    """Return "1 block" or "1,000 blocks"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def interval(estimate: Estimate, text: Callable[[float], str]) -> str:
    """Return the two ends, each as `text` has it and the unit once: "34 to 49.9 %"; "none" where there are none."""
    if estimate.low is None or estimate.high is None:
        return "none"
    return f"{text(estimate.low).removesuffix(' %')} to {text(estimate.high)}"


def with_interval(estimate: Estimate, text: Callable[[float], str]) -> str:
    """Return "0.35 (0.19 to 0.54)"."""
    return f"{text(estimate.value)} ({interval(estimate, text)})"


def beats(pair: str, measure: PairMeasure) -> str:
    """Return how often the first of `pair` beats the second, and the verdict, as a clause."""
    first, second = split_pair(pair)
    text = (
        f"{first} beats {second} in {percent(measure.p.value)} of pairs "
        f"({level(measure.level)} interval {interval(measure.p, chance)}): {measure.verdict}"
    )
    if measure.verdict != "inconclusive":
        return text
    if measure.detectable is None:
        return f"{text}, since {TOO_FEW} tell nothing (it takes {FEWEST_REPLICATES} at least)"
    shares = f"{percent(1 - measure.detectable)} or less, or {percent(measure.detectable)} or more"
    return f"{text}, since so many replicates tell only {shares} from 50 %"


def outcome(measure: PairMeasure) -> str:
    """Return how often the first of a pair beats the second, and the verdict: "42 % (34 to 49.9 %), worse"."""
    return f"{percent(measure.p.value)} ({interval(measure.p, chance)}), {verdict(measure)}"


def verdict(measure: PairMeasure) -> str:
    """Return the verdict, but of so few replicates that it could be no other that they are too few."""
    return TOO_FEW if measure.verdict == "inconclusive" and measure.detectable is None else measure.verdict


def listed(texts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    *rest, last = texts
    return f"{', '.join(rest)} and {last}" if rest else last


def markdown(text: str) -> str:
    """Return `text` so that Markdown shows it as it is: no markup, no new cell, no new line, nobody addressed."""
    # Of brackets only those that make a link, so that a list stays as it was written.
    text = re.sub(r"[\\`*|~$]|(?<![^\W_])_|\](?=\()", r"\\\g<0>", " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    # A space of no width: GitHub would tell those who are named, and link issues and addresses.
    return re.sub(r"[@#](?=\w)|:(?=//)|\bwww(?=\.)", r"\g<0>&#8203;", text)


def table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return plain text as a Markdown table, all but the first column to the right."""
    header = list(header)
    lines = [
        map(markdown, header),
        ["---", *("---:" for _ in header[1:])],
        *(map(markdown, row) for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def records(rows: Iterable[Mapping[str, str]]) -> str:
    """Return rows of plain text as a Markdown table, a column a key of the first; what another lacks is blank."""
    rows = list(rows)
    return table(rows[0], [[row.get(column, "") for column in rows[0]] for row in rows])


def fill(template: Path, **values: object) -> str:
    """Return a Jinja template filled with `values`, all of which it must name right; in a page they are escaped."""
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
