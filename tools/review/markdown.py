"""The review as Markdown, for a pull request."""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from stages.words import count_of, table
from stages.words import markdown as plain
from tools.review import compare
from tools.review.compare import ABSENT
from tools.revisions import Revision

ImageFolder = Callable[[str], str | None]


def markdown(revisions: Sequence[Revision], image_folder: ImageFolder, terminal: bool = False) -> str:
    """Return the whole review; on a terminal, which folds nothing and shows no figure, without both.

    Args:
        revisions: two or more; the first is what the others are compared with.
        image_folder: gives the address below which the files of a commit are found, None where it has none.
        terminal: whether it is printed on one.
    """
    summary = "\n".join(f"- {plain(line)}" for line in compare.summary(revisions))
    parts = [f"## {plain(compare.title(revisions))}", summary]
    if compare.alike(revisions):
        return "\n\n".join(parts)
    for heading, (header, rows) in compare.sections(revisions):
        parts += [f"### {heading}", table(header, rows) if rows else "Nothing."]
    parts.append(plain(compare.legend(revisions)))
    header, rows = compare.changed_numbers(revisions)
    if terminal:
        differ, _ = compare.figures(revisions)
        parts.append(
            f"{count_of(len(rows), 'number')} and {count_of(len(differ), 'figure')} not alike; --html FILE shows all."
        )
        return "\n\n".join(parts)
    parts += ["### Figures", figures(revisions, image_folder)]
    if rows:
        parts.append(folded(f"All {len(rows)} numbers that differ", table(header, rows)))
    return "\n\n".join(parts)


def figures(revisions: Sequence[Revision], image_folder: ImageFolder) -> str:
    """Return the figures that differ, a row each with the revisions side by side, and the names of the rest.

    Of more than two revisions they are folded away, since they are small.
    """
    differ, same = compare.figures(revisions)
    parts = []
    if differ:
        rows = [map(plain, compare.headings(revisions)), ["---"] * len(revisions)]
        rows += [[image(revision, path, image_folder) for revision in revisions] for path in differ]
        images = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(images if len(revisions) == 2 else folded(f"{len(differ)} figures that differ", images))
    if same:
        parts.append(f"The same in all: {', '.join(plain(path.stem) for path in same)}.")
    return "\n\n".join(parts) or "None."


def image(revision: Revision, path: Path, image_folder: ImageFolder) -> str:
    """Return one figure; where no address shows it, how git gets it."""
    if path not in revision.figures:
        return ABSENT
    name, address = plain(path.stem), quote(path.as_posix())
    if revision.commit is None:
        return f"![{name}]({address})"
    if folder := image_folder(revision.commit):
        return f"![{name}]({folder}/{address})"
    commit = revision.commit[:7]
    return plain(f"git show {commit}:{path} > {path.stem}-{commit}{path.suffix}")


def folded(summary: str, text: str) -> str:
    """Return `text` behind a summary that opens it."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
