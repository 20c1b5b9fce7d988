from stages.results import Band, BaselineForecast, Errors, Forecasts, NetworkForecast
from tests.tools.conftest import Revise, results
from tools.experiments import outcome


def test_a_pair_that_an_experiment_has_not_says_why(revise: Revise) -> None:
    one = revise()
    assert outcome(one, "wide vs single") == "none, for want of wide"
    apart = revise(results=results()._replace(pairs={}))
    assert outcome(apart, "stacked vs single") == "none, since the two were not compared"


def test_of_forecasts_the_errors_stand_in_place_of_the_shares_solved(revise: Revise) -> None:
    ours, theirs = (Errors(rmse, 1.0, None, [rmse]) for rmse in (20.84, 19.3))
    network = NetworkForecast(ours, None, "worse", 0.3, Band([], [], []), Band([], [], []))
    found = Forecasts(
        "last value",
        9,
        0.5,
        0.95,
        [],
        [],
        [],
        {"last value": BaselineForecast(theirs, [], [])},
        {"single": network},
    )
    said = outcome(revise(results=results()._replace(forecasts=found)), "stacked vs single")
    assert said.endswith("; RMSE 20.8, baseline 19.3")
