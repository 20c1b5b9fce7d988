"""What the report says of forecasts."""

import pytest

from stages.plot.forecasts import figure, section, sentence
from stages.results import Band, BaselineForecast, Errors, Estimate, Forecasts, NetworkForecast, Verdict

BEST = "linear autoregression"


def forecasts(gains: dict[str, tuple[Estimate | None, Verdict]]) -> Forecasts:
    baseline = BaselineForecast(Errors(20.0, 15.0, 0.7, [18.0, 22.0]), [1.0, 2.0, 3.0], [4.0])
    models = {
        name: NetworkForecast(
            Errors(20.0 * (1 - (gain.value if gain else -9)) ** 0.5, 14.0, None, [17.0, 21.0]),
            gain, verdict, 0.3,
            Band([1.0, 2.0, 3.0], [0.0, 1.0, 2.0], [2.0, 3.0, float("inf")]), Band([5.0], [4.0], [6.0]),
        )
        for name, (gain, verdict) in gains.items()
    }  # fmt: skip
    times = ["2001", "2002", "2003"]
    return Forecasts(BEST, 3, 0.2, 0.85, 0.975, times, [1.0, 2.0, 3.0], times[:2], {BEST: baseline}, models)


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        (
            {"single": (Estimate(-0.44, -0.9, 0.02), "inconclusive"), "stacked": (None, "worse")},
            "No network is shown to beat the linear autoregression, the best baseline: the best network, single, has "
            "an RMSE of 24 on the test part against 20; its MSE is 44 % above (97.5 % interval 2 % below to "
            "90 % above).",
        ),
        (
            {"single": (Estimate(-0.44, -0.9, -0.02), "worse")},
            "No network beats the linear autoregression, the best baseline: the best network, single, has an RMSE of "
            "24 on the test part against 20; its MSE is 44 % above (97.5 % interval 2 % above to 90 % above).",
        ),
        (
            {"single": (Estimate(0.1, -0.2, 0.4), "inconclusive"), "stacked": (Estimate(0.0, -1, 1), "inconclusive")},
            "No network is shown to beat the linear autoregression, the best baseline: the best network, single, has "
            "an RMSE of 19 on the test part against 20; its MSE is 10 % below (97.5 % interval 40 % below to "
            "20 % above).",
        ),
        (
            {"single": (Estimate(0.1, 0.05, 0.15), "better"), "stacked": (Estimate(0.36, 0.3, 0.4), "better")},
            "single and stacked beat the linear autoregression, the best baseline: the best of them, stacked, has an "
            "RMSE of 16 on the test part against 20; its MSE is 36 % below (97.5 % interval 40 % below to 30 % below).",
        ),
        (
            {"single": (Estimate(0.19, 0.1, 0.3), "better"), "stacked": (Estimate(0.36, -1, 1), "inconclusive")},
            "single beats the linear autoregression, the best baseline: it has an RMSE of 18 on the test part against "
            "20; its MSE is 19 % below (97.5 % interval 30 % below to 10 % below).",
        ),
        (
            {"single": (Estimate(-0.21, -0.3, -0.1), "worse"), "stacked": (Estimate(-0.44, -1, 0.1), "inconclusive")},
            "No network is shown to beat the linear autoregression, the best baseline: the best network, single, has "
            "an RMSE of 22 on the test part against 20; its MSE is 21 % above (97.5 % interval 10 % above to "
            "30 % above).",
        ),
        (
            {"single": (Estimate(0.19), "inconclusive")},
            "No network is shown to beat the linear autoregression, the best baseline: the best network, single, has "
            "an RMSE of 18 on the test part against 20; its MSE is 19 % below (no interval: too few rows).",
        ),
    ],
)  # fmt: skip
def test_says_first_whether_any_network_beats_the_best_baseline(
    gains: dict[str, tuple[Estimate | None, Verdict]], said: str
) -> None:
    found = forecasts(gains)
    assert sentence(found._replace(starts=5 * ["2001"])) == said
    assert sentence(found) == f"{said} A test part of 2 blocks can show little."
    trend = (
        " 25 % of the test part is below or above all that was trained on, where networks seldom follow: forecast the "
        "changes from row to row instead."
        if said.startswith("No network")
        else ""
    )
    assert sentence(found._replace(outside=0.25)) == f"{said} A test part of 2 blocks can show little.{trend}"
    assert sentence(found._replace(starts=5 * ["2001"], outside=0.24)) == said


def test_what_comes_next_has_its_spread() -> None:
    found = forecasts({"single": (None, "worse")})
    lines = section(found).splitlines()
    assert "| single | 63.2 | 14 | none | undefined | worse |" in lines
    assert "| linear autoregression | 20 | 15 | 0.7 | the best |  |" in lines
    assert lines[-3:] == [
        "| rows ahead | linear autoregression | single |",
        "| --- | ---: | ---: |",
        "| 1 | 4 | 5 (4 to 6) |",
    ]


def test_the_figure_has_a_panel_a_network_and_one_of_errors_by_time() -> None:
    found = forecasts({"single": (None, "worse"), "stacked": (Estimate(0.1, 0.05, 0.15), "better")})
    *panels, by_time = figure(found, "y").axes
    assert len(panels) == 2
    for axes in panels:
        lines = {line.get_label(): line for line in axes.lines}
        assert lines["y"].get_ydata().tolist() == [1, 2, 3]  # type: ignore[union-attr]
        assert list(lines[BEST].get_ydata()) == [1, 2, 3, 4]  # type: ignore[arg-type]
    assert {str(line.get_label()) for line in by_time.lines} == {"single", "stacked", BEST}
