"""Linear least squares, one NumPy operation at a time, since the bits that BLAS and LAPACK give differ between CPUs."""

import numpy as np


def with_ones(x: np.ndarray) -> np.ndarray:
    """Return sequences (N, T, I) as rows (N, T * I + 1), the last number 1."""
    return np.column_stack([x.reshape(len(x), -1).astype(np.float64), np.ones(len(x))])


def normal_equations(rows: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix (K, K) and the right side (K,) whose solution makes rows (N, K) nearest to y (N,)."""
    gram = np.stack([(rows * column[:, None]).sum(axis=0) for column in rows.T])
    return gram, (rows * y[:, None]).sum(axis=0)


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Return the solution (n,) of a symmetric system (n, n), (n,) by elimination; None where it is singular."""
    table = np.column_stack([matrix, right])
    smallest = 1e-12 * np.abs(matrix).max()
    for column in range(len(table)):
        pivot = column + int(np.argmax(np.abs(table[column:, column])))
        if abs(table[pivot, column]) <= smallest:
            return None
        table[[column, pivot]] = table[[pivot, column]]
        table[column] /= table[column, column]
        others = np.arange(len(table)) != column
        table[others] -= table[others, column][:, None] * table[column]
    return table[:, -1]


def predict(rows: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the linear function (N,) of rows (N, K)."""
    return (rows * coefficients).sum(axis=1)
