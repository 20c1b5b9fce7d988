"""The review as one HTML page that needs no network: charts, tables and figures."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import vl_convert

from tools.review import charts, compare
from tools.review.revisions import Revision

# Not the newest Vega-Lite: 6.4 shows texts in the tooltips of nearest points as "undefined".
VEGA_LITE = "6.1"
VEGA = "window.vegaEmbed = vegaEmbed;"
HERE = Path(__file__).parent


def page(revisions: Sequence[Revision]) -> str:
    """Return the whole page; the first revision is what the others are compared with."""
    pair = compare.primary(revisions[0])
    curves = charts.losses(revisions)
    specs = {f"losses-{model}": spec for model, spec in curves.items()}
    body = [
        f"<h1>{escape(compare.title(revisions))}</h1>",
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in compare.summary(revisions))}</ul>",
        legend([revision.name for revision in revisions]),
    ]
    if " vs " in pair:
        specs = {"forest": charts.forest(revisions, pair)} | specs
        body.append(
            f"<h2>{escape(pair)}, test MSE after the last epoch</h2><div class='chart' id='forest'></div>"
        )
    body += [
        "<h2>Training loss: median and quartiles over replicates</h2>",
        f"<div class='charts'>{''.join(map(panel, curves))}</div>",
    ]
    for heading, (header, rows) in compare.sections(revisions):
        body += [f"<h2>{heading}</h2>", table(header, rows) if rows else "<p>Nothing.</p>"]
    body += [f"<p class='note'>{escape(compare.legend(revisions))}</p>", figures(revisions)]
    return (HERE / "page.html").read_text(encoding="utf-8") % {
        "title": escape(compare.title(revisions)),
        "body": "\n".join(body),
        "vega": vl_convert.javascript_bundle(VEGA, vl_version=VEGA_LITE),
        "specs": script_json(specs),
    }


def legend(names: Sequence[str]) -> str:
    """Return a button a revision in its colour."""
    buttons = (
        f"<button type='button' data-revision='{escape(name)}' aria-pressed='false'>"
        f"<svg viewBox='0 0 24 8' width='24' height='8'><line x1='0' y1='4' x2='24' y2='4' stroke='{colour}' "
        f"stroke-width='4' stroke-dasharray='{' '.join(map(str, dash))}'/></svg> {escape(name)}</button>"
        for name, (colour, dash) in charts.palette(names).items()
    )
    return f"<div class='legend' title='Click one to see it alone'>{''.join(buttons)}</div>"


def panel(model: str) -> str:
    """Return the place of a model's loss chart."""
    place = f"<div class='chart' id='losses-{escape(model)}'></div>"
    return f"<figure><figcaption>{escape(model)}</figcaption>{place}</figure>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of plain text as a table that scrolls sideways where it must."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr><th>{escape(first)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for first, *cells in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def figures(revisions: Sequence[Revision]) -> str:
    """Return the figures that differ, the revisions side by side, the images within the page."""
    differ, same = compare.figures(revisions)
    parts = ["<h2>Figures</h2>"] if differ or same else []
    for path in differ:
        images = "".join(
            f"<figure><figcaption>{escape(heading)}</figcaption>{image(revision, path)}</figure>"
            for heading, revision in zip(compare.headings(revisions), revisions, strict=True)
        )
        caption, side_by_side = escape(compare.caption(path)), f"<div class='pair'>{images}</div>"
        if len(revisions) == 2:
            parts.append(f"<h3>{caption}</h3>{side_by_side}")
        else:
            parts.append(f"<details><summary>{caption}</summary>{side_by_side}</details>")
    if same:
        parts.append(f"<p>The same in all: {escape(', '.join(map(compare.caption, same)))}.</p>")
    return "\n".join(parts)


def image(revision: Revision, path: str) -> str:
    """Return one figure of a revision as an image that carries its bytes."""
    if path not in revision.figures:
        return compare.ABSENT
    data = base64.b64encode(revision.figures[path]).decode()
    alt = escape(f"{compare.caption(path)} of {revision.name}")
    return f"<img alt='{alt}' src='data:image/png;base64,{data}'>"


def script_json(value: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a script: no text in it can end the script or open a comment."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
