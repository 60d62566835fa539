"""scikit-learn estimators. Nothing else in sparsemlp imports scikit-learn, and `import sparsemlp` does not import this."""

try:
    from sklearn.utils.validation import validate_data  # new in scikit-learn 1.6
except ImportError as error:
    raise ImportError(
        f"The estimators need scikit-learn 1.6 or newer ({error}). Install it by: pip install 'sparsemlp[sklearn]'"
    ) from error

from .classifier import SparseMLPClassifier
from .regressor import SparseMLPRegressor
