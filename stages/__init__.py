"""The stages of the pipeline, and what they share."""

import os
import sys

from stages.errors import tell

sys.excepthook = tell  # before the imports that take a second, so that an interrupt is told then too
os.environ.pop("MPLBACKEND", None)  # figures are files, and a user's own backend may not be there
