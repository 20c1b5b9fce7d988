"""What the study tries."""

from stages.results import REPORTS

FOLDER = REPORTS / "study"

LRS = (0.0003, 0.001, 0.003, 0.01)
ORIGINAL_LR = 0.01  # the step size of the original experiment, and of the default run
REPLICATES = 100
SELECTION_SEED, FRESH_SEED = 1, 2  # of the initial weights; 0 is the default run's
DATA_SEEDS = range(1, 11)
