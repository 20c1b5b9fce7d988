"""What others have found, and how their protocol differs from ours."""

from typing import NamedTuple


class Anchor(NamedTuple):
    """A published result. `deeper_ahead` is whether it finds that depth raises memory at the same size, `solves` which
    cells solve the task; None where it says nothing of that.
    """

    source: str
    found: str
    protocol: str
    deeper_ahead: bool | None = None
    solves: dict[str, bool] | None = None


ANCHORS: dict[str, tuple[Anchor, ...]] = {
    "recall": (
        Anchor(
            "Collins, Sohl-Dickstein and Sussillo 2017 (arXiv 1611.09913)",
            "capacity at matched parameters does not grow with depth",
            "memorised random inputs, many settings tuned for each network; here the step size alone is chosen",
            deeper_ahead=False,
        ),
        Anchor(
            "Lizaire, Rizvi-Martel, Dupuis and Rabusseau 2026 (arXiv 2604.02201)",
            "depth raises memory per parameter",
            "proved for the weights that exist, of linear layers first; here what training finds",
            deeper_ahead=True,
        ),
        Anchor(
            "arXiv 2408.11946",
            "the longest learnable delay over 384 architectures, in its own words noisy",
            "classifies square waves, not matched by parameters",
        ),
    ),
    "adding": (
        Anchor(
            "Bai, Kolter and Koltun 2018 (arXiv 1803.01271)",
            "MSE at T = 600: RNN 0.177, LSTM 0.164, GRU 5.3e-5; the constant predictor has 0.1667",
            "about 70,000 parameters, 50,000 sequences, one run of each; here shorter, smaller, and several runs",
            solves={"rnn_tanh": False, "lstm": False, "gru": True},
        ),
    ),
}  # fmt: skip
