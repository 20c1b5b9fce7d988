"""What the stage writes, computed again from data/ with other tools: pandas, scipy and the definitions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from scipy import stats

from stages.evaluate import statistics
from tests.conftest import run_stages, tiny_params

MODELS = {"single": (4, 1), "stacked": (4, 2), "wide": (4, 1)}  # hidden_size, num_layers
PAIRS = [("stacked", "single"), ("stacked", "wide")]
EARLY, LAST, STEPS, REPLICATES, SOLVED_R2 = 10, 30, 5, 6, 0.3
EPOCHS = {LAST: ("last",), EARLY: ("earlier", str(EARLY))}  # with where they are in details.json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that has run long enough for some replicates to solve the task and some not."""
    folder = tmp_path_factory.mktemp("evaluate")
    text = tiny_params(epochs=LAST, lr=0.03, replicates=REPLICATES, solved_r2=SOLVED_R2)
    (folder / "params.yaml").write_text(text.replace("  - 100", f"  - {EARLY + 1}"))
    run_stages(folder)
    return folder


@pytest.fixture(scope="module")
def targets(folder: Path) -> dict[str, np.ndarray]:
    arrays = load_file(folder / "data/dataset.safetensors")
    return {part: arrays[f"y_{part}"][:, 0].astype(float) for part in ("train", "test")}


@pytest.fixture(scope="module")
def outcomes(folder: Path, targets: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the MSEs of every model, replicate and measured epoch; inf in both where diverged."""
    tables = [pd.read_csv(folder / f"data/losses/{name}.csv").assign(model=name) for name in MODELS]
    table = pd.concat(tables).dropna(subset="test_mse")
    constant = {part: ((y - targets["train"].mean()) ** 2).mean() for part, y in targets.items()}
    gone = sum(table[f"{part}_mse"] > 2 * constant[part] for part in constant) > 0
    table.loc[gone, ["train_mse", "test_mse"]] = np.inf
    return table.set_index(["model", "epoch", "replicate"]).sort_index()


@pytest.fixture(scope="module")
def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "reports/details.json").read_text())


def rounded(value: float) -> Any:
    """Return what details.json has for `value`."""
    return pytest.approx(value, rel=1e-4) if np.isfinite(value) else "inf"


def group(found: dict[str, Any], epoch: int) -> dict[str, Any]:
    for key in EPOCHS[epoch]:
        found = found[key]
    return found


def test_the_run_has_something_to_tell(outcomes: pd.DataFrame, targets: dict[str, np.ndarray]) -> None:
    """Else what follows would pass whatever is computed."""
    last = outcomes.xs(LAST, level="epoch")["test_mse"]
    solved = (1 - last / targets["test"].var() >= SOLVED_R2).groupby("model").mean()
    assert solved.nunique() > 1
    assert np.isinf(outcomes.to_numpy(float)).any()


@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("name", MODELS)
def test_models(
    name: str, epoch: int, outcomes: pd.DataFrame, targets: dict[str, np.ndarray], metrics: dict[str, Any]
) -> None:
    found, expected = group(metrics["models"][name], epoch), outcomes.loc[name, epoch]
    for part in ("train", "test"):
        median = expected[f"{part}_mse"].median()
        assert found[part]["median"] == rounded(median)
        r2 = 1 - median / targets[part].var()
        assert found[part]["r2"] == (rounded(r2) if np.isfinite(r2) else None)
        iqm = statistics.interquartile_mean(expected[f"{part}_mse"])
        assert found[part]["iqm"]["value"] == rounded(iqm)
    solved = int((1 - expected["test_mse"] / targets["test"].var() >= SOLVED_R2).sum())
    wilson = stats.binomtest(solved, REPLICATES).proportion_ci(0.95, "wilson")
    assert list(found["solved"].values()) == pytest.approx([solved / REPLICATES, *wilson], abs=1e-5)
    assert found["diverged"] == pytest.approx(np.isinf(expected["test_mse"]).mean(), abs=1e-5)


@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("pair", PAIRS)
def test_pairs(pair: tuple[str, str], epoch: int, outcomes: pd.DataFrame, metrics: dict[str, Any]) -> None:
    found = group(metrics["pairs"][" vs ".join(pair)], epoch)
    for part in ("train", "test"):
        a, b = (outcomes.loc[name, epoch][f"{part}_mse"] for name in pair)
        p = stats.mannwhitneyu(b, a, method="asymptotic").statistic / REPLICATES**2
        assert found[part]["p"]["value"] == pytest.approx(p, abs=1e-5)
        primary = (pair, epoch, part) == (PAIRS[0], LAST, "test")
        level = 0.95 if primary else 1 - 0.05 / 7  # 2 pairs at 2 epochs by 2 measures, less the primary one
        assert found[part]["level"] == pytest.approx(level, abs=1e-5)
        estimate = statistics.probability_of_improvement(a, b, level)
        assert list(found[part]["p"].values()) == pytest.approx(list(estimate), abs=1e-5)
        assert found[part]["verdict"] == statistics.verdict(estimate, REPLICATES)
        if np.isfinite(a).all() and np.isfinite(b).all():
            assert found[part]["p_value"] == pytest.approx(stats.brunnermunzel(a, b).pvalue, rel=1e-4)
    ours, theirs = (group(metrics["models"][name], epoch)["solved"]["value"] for name in pair)
    assert found["solved_difference"]["value"] == pytest.approx(ours - theirs, abs=1e-5)


def test_sizes_and_baselines(folder: Path, targets: dict[str, np.ndarray], metrics: dict[str, Any]) -> None:
    for name, (hidden, layers) in MODELS.items():
        recurrent = hidden + hidden**2 + (layers - 1) * 2 * hidden**2
        assert metrics["models"][name]["parameters"] == recurrent + layers * 2 * hidden + hidden + 1
        assert metrics["models"][name]["multiply_adds"] == STEPS * recurrent + hidden
    arrays = load_file(folder / "data/dataset.safetensors")
    x = {part: arrays[f"x_{part}"][:, :, 0].astype(float) for part in targets}
    fitted = np.linalg.lstsq(np.c_[x["train"], np.ones(len(x["train"]))], targets["train"])[0]
    for part, y in targets.items():
        baseline = {key: metrics["baseline"][key][part] for key in ("mean", "least_squares", "variance")}
        assert baseline["mean"] == pytest.approx(((y - targets["train"].mean()) ** 2).mean(), rel=1e-5)
        assert baseline["variance"] == pytest.approx(y.var(), rel=1e-5)
        mse = ((np.c_[x[part], np.ones(len(y))] @ fitted - y) ** 2).mean()
        assert baseline["least_squares"] == pytest.approx(mse, rel=0.5, abs=1e-14)


def test_tables(folder: Path, outcomes: pd.DataFrame, targets: dict[str, np.ndarray]) -> None:
    tables = {name: pd.read_csv(folder / f"reports/{name}.csv") for name in
              ("outcomes", "comparisons", "progress", "losses", "predictions")}  # fmt: skip
    raw = pd.concat(
        pd.read_csv(folder / f"data/losses/{name}.csv").assign(model=name) for name in MODELS
    ).sort_values(["model", "replicate", "epoch"])

    kept = raw[raw["epoch"].isin(EPOCHS)]
    assert tables["outcomes"][["model", "replicate", "epoch"]].to_numpy().tolist() == (
        kept[["model", "replicate", "epoch"]].to_numpy().tolist()
    )
    mse = ["train_mse", "test_mse"]
    np.testing.assert_allclose(tables["outcomes"][mse], kept[mse], rtol=1e-5)

    quartiles = raw.groupby(["model", "epoch"])["train_mse"].quantile([0.5, 0.25, 0.75]).unstack()
    np.testing.assert_allclose(tables["losses"][["median", "q25", "q75"]], quartiles, rtol=1e-5)

    for (a, b), rows in tables["comparisons"].groupby(
        tables["comparisons"]["pair"].str.split(" vs ").map(tuple), sort=False
    ):
        for row in rows.itertuples():
            ours, theirs = (outcomes.loc[name, row.epoch]["test_mse"] for name in (a, b))
            expected = list(statistics.probability_of_improvement(ours, theirs, 0.95))
            assert [row.p, row.p_low, row.p_high] == pytest.approx(expected, abs=1e-5)
    assert tables["comparisons"]["pair"].unique().tolist() == [" vs ".join(pair) for pair in PAIRS]

    for row in tables["progress"].itertuples():
        hidden, layers = MODELS[row.model]
        a_sample = STEPS * (hidden + hidden**2 + (layers - 1) * 2 * hidden**2) + hidden
        assert row.multiply_adds == 3 * a_sample * len(targets["train"]) * row.epoch
        values = outcomes.loc[row.model, row.epoch]["test_mse"]
        assert row.solved == pytest.approx((1 - values / targets["test"].var() >= SOLVED_R2).mean(), abs=1e-5)
        assert row.median == pytest.approx(values.median(), rel=1e-5)
    assert tables["progress"]["epoch"].unique().tolist() == list(range(0, LAST + 1, 2))

    for name, rows in tables["predictions"].groupby("model"):
        last = outcomes.loc[name, LAST]["test_mse"]
        (replicate,) = rows["replicate"].unique()
        nearest = (last - last.median()).abs().min()
        assert abs(last[replicate] - last.median()) == pytest.approx(nearest)
        np.testing.assert_allclose(rows["y_true"], targets["test"], rtol=1e-5)
        assert ((rows["y_predicted"] - rows["y_true"]) ** 2).mean() == pytest.approx(
            last[replicate], rel=1e-3
        )


def test_where_most_have_diverged_the_one_shown_is_still_nearest_the_median(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(tiny_params(epochs=2, lr=3, replicates=5))
    run_stages(tmp_path)
    shown = pd.read_csv(tmp_path / "reports/predictions.csv").groupby("model")["replicate"].first()
    diverged = json.loads((tmp_path / "reports/metrics.json").read_text())
    for name in MODELS:
        assert diverged[name]["test_mse"] == "inf"
        table = pd.read_csv(tmp_path / f"data/losses/{name}.csv").set_index("replicate")
        distance = (last := table[table["epoch"] == 2]["test_mse"]).sub(last.median()).abs()
        assert distance[shown[name]] == distance.min()
    assert shown.any()  # not the first each time
