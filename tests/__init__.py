import os

# Tests run on every core at once; more threads each would only wait for each other. Set before NumPy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
