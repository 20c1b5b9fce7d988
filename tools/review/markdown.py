"""The review as Markdown, for a pull request."""

import re
from collections.abc import Callable, Iterable, Sequence

from tools.review import compare
from tools.review.compare import ABSENT
from tools.review.revisions import Revision

ImageFolder = Callable[[str], str | None]
MARKER = "<!-- tools.review -->"  # by which the workflow finds its own comment


def markdown(revisions: Sequence[Revision], image_folder: ImageFolder) -> str:
    """Return the whole review.

    Args:
        revisions: two or more; the first is what the others are compared with.
        image_folder: gives the address below which the files of a commit are found, None where it has none.

    """
    parts = [MARKER, f"## {plain(compare.title(revisions))}"]
    parts.append("\n".join(f"- {plain(line)}" for line in compare.summary(revisions)))
    if compare.alike(revisions):
        return "\n\n".join(parts) + "\n"
    for heading, (header, rows) in compare.sections(revisions):
        parts += [f"### {heading}", table(header, rows) if rows else "Nothing."]
    parts += [plain(compare.legend(revisions)), "### Figures", figures(revisions, image_folder)]
    header, rows = compare.changed_metrics(revisions)
    if rows:
        parts.append(folded(f"All {len(rows)} numbers that differ", table(header, rows)))
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of plain text as a table."""
    return "\n".join(
        [
            _row(map(plain, header)),
            _row("---" for _ in header),
            *(_row(map(plain, row)) for row in rows),
        ]
    )


def figures(revisions: Sequence[Revision], image_folder: ImageFolder) -> str:
    """Return the figures that differ, a row each with the revisions side by side, and the names of the rest.

    Of more than two revisions they are folded away, since they are small.
    """
    differ, same = compare.figures(revisions)
    parts = []
    if differ:
        rows = [_row(image(revision, path, image_folder) for revision in revisions) for path in differ]
        headings = compare.headings(revisions)
        images = "\n".join([_row(map(plain, headings)), _row("---" for _ in headings), *rows])
        parts.append(images if len(revisions) == 2 else folded(f"{len(differ)} figures that differ", images))
    if same:
        parts.append(f"The same in all: {', '.join(map(compare.caption, same))}.")
    return "\n\n".join(parts) or "None."


def image(revision: Revision, path: str, image_folder: ImageFolder) -> str:
    """Return one figure; where no address shows it, how git gets it."""
    if path not in revision.figures:
        return ABSENT
    if revision.commit is None:
        return f"![{compare.caption(path)}]({path})"
    folder = image_folder(revision.commit)
    if folder is None:
        return f"`git show {revision.commit[:7]}:{path}`"
    return f"![{compare.caption(path)}]({folder}/{path})"


def folded(summary: str, text: str) -> str:
    """Return `text` behind a summary that opens it."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def plain(text: str) -> str:
    """Return `text` so that Markdown shows it as it is: no markup, no new cell, no new line."""
    text = re.sub(r"([\\`*\[\]|])|(?<!\w)(_)|(_)(?!\w)", r"\\\g<0>", text)
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
