"""The scikit-learn estimators: scikit-learn's own checks, and what those do not ask."""

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsemlp as sm

FAST = {"hidden_layer_sizes": (30,), "density": 0.5, "learning_rate": 0.02, "batch_size": 50, "max_iter": 40, "random_state": 0}
CLASSIFIER, REGRESSOR = sm.SparseMLPClassifier(**FAST), sm.SparseMLPRegressor(**FAST)
EXPECTED = dict.fromkeys(
    ["check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"],
    "float32: rounding differs, and then SET removes other connections; see test_weights_are_repetitions",
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    sm.set_num_threads(1)
    yield
    sm.set_num_threads(None)


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    return rng.standard_normal((200, 5)) + 4 * np.eye(3, 5)[y], y


@parametrize_with_checks([CLASSIFIER, REGRESSOR], expected_failed_checks=lambda estimator: EXPECTED)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [sm.SparseMLPClassifier, sm.SparseMLPRegressor])
def test_weights_are_repetitions(kind, blobs):
    """With one batch an epoch and a topology that stays, an integer weight is that many copies, and 0 is none."""
    X, y = blobs[0][:20], blobs[1][:20]
    w = np.random.default_rng(1).integers(0, 5, 20)
    settings = {**FAST, "recipe": None, "policy": "static", "batch_size": 100}  # a recipe looks at rows, not at their weights
    weighted, repeated = kind(**settings).fit(X, y, w), kind(**settings).fit(X.repeat(w, axis=0), y.repeat(w))
    method = "predict_proba" if kind is sm.SparseMLPClassifier else "predict"
    np.testing.assert_allclose(getattr(weighted, method)(X), getattr(repeated, method)(X), atol=1e-4)
    assert np.abs(getattr(kind(**settings).fit(X, y), method)(X) - getattr(weighted, method)(X)).max() > 1e-2


LABELS = [np.array(["a", "bb", "c"]), np.array([-5, 0, 70]), np.array(["x", "y", "z"], object), np.array([1.0, 2, 4])]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: labels.dtype.name)
def test_labels_of_any_kind(labels, blobs):
    X, y = blobs
    clf = clone(CLASSIFIER).fit(X, labels[y])
    assert list(clf.classes_) == list(labels)
    assert clf.score(X, labels[y]) > 0.85
    assert set(clf.predict(X)) <= set(labels)
    np.testing.assert_array_equal(clf.network_.predict(X), clf.predict(X))  # the net by itself knows them too
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(proba))


def test_two_booleans(blobs):
    X, y = blobs
    clf = clone(CLASSIFIER).fit(X, y == 1)
    assert clf.predict(X).dtype == bool and clf.score(X, y == 1) > 0.85


def test_several_labels_a_sample(blobs):
    X, y = blobs
    Y = np.column_stack([y == 0, y != 1, X[:, 3] > 0]).astype(int)
    clf = clone(CLASSIFIER).set_params(max_iter=100).fit(X, Y)
    assert clf.predict(X).shape == Y.shape and clf.predict_proba(X).shape == Y.shape
    assert (clf.predict(X) == Y).mean() > 0.8
    assert clone(CLASSIFIER).set_params(early_stopping=True, max_iter=5).fit(X, Y).n_iter_ == 5


def test_sparse_x_is_the_same(blobs):
    X = np.where(np.abs(blobs[0]) > 1, blobs[0], 0)
    dense, sparse = clone(CLASSIFIER).fit(X, blobs[1]), clone(CLASSIFIER).fit(sp.csc_array(X), blobs[1])
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(sp.coo_matrix(X)))


def test_search_over_a_pipeline_in_processes(blobs):
    X, y = blobs
    pipeline = make_pipeline(StandardScaler(), clone(CLASSIFIER).set_params(max_iter=5))
    grid = {"sparsemlpclassifier__policy": ["static", sm.SET(zeta=0.2)], "sparsemlpclassifier__density": [0.4, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.6
    assert len(search.cv_results_["params"]) == 4


def test_a_pickled_copy_predicts_and_goes_on_to_the_same_bits(blobs):
    X, y = blobs
    clf = clone(CLASSIFIER).set_params(warm_start=True, max_iter=3).fit(X, y)
    small = len(pickle.dumps(clf))
    clf.predict(X)
    assert len(pickle.dumps(clf)) == small  # buffers are not part of it
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_warm_start_goes_on(blobs):
    X, y = blobs
    clf = clone(CLASSIFIER).set_params(warm_start=True, max_iter=3).fit(X, y)
    net, loss = clf.network_, clf.loss_
    clf.set_params(optimizer="sgd").fit(X, y)
    assert clf.network_ is net and clf.loss_ < loss and clf.n_iter_ == 3
    with pytest.raises(ValueError, match="warm_start"):
        clf.fit(X, y + 1)
    assert clf.set_params(warm_start=False).fit(X, y).network_ is not net


def test_partial_fit_leaves_the_topology(blobs):
    X, y = blobs
    clf = clone(CLASSIFIER)
    with pytest.raises(ValueError, match="classes must list all labels"):
        clf.partial_fit(X[:50], y[:50])
    clf.partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    before = clf.network_.layers[0].weights.indices.copy()
    for _ in range(30):
        clf.partial_fit(X, y)
    np.testing.assert_array_equal(clf.network_.layers[0].weights.indices, before)
    assert clf.n_iter_ == 31 and clf.score(X, y) > 0.85
    with pytest.raises(ValueError, match="does not know: 3"):
        clf.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="classes must be those"):
        clf.partial_fit(X, y, classes=[0, 1])
    reg = clone(REGRESSOR).fit(X, X[:, 0])
    assert reg.partial_fit(X, X[:, 0]).n_iter_ == 1


def test_early_stopping_keeps_the_best_epoch(blobs):
    X, y = blobs
    clf = clone(CLASSIFIER).set_params(early_stopping=True, n_iter_no_change=3, validation_fraction=0.25, max_iter=200)
    clf.fit(X, y, sample_weight=np.ones(len(y)))
    assert clf.n_iter_ < 200 and clf.history_.stopped
    assert len(clf.history_["val_accuracy"]) == clf.n_iter_
    reg = clone(REGRESSOR).set_params(early_stopping=True, n_iter_no_change=3, max_iter=200).fit(X, X[:, 0] * 1e6)
    assert reg.n_iter_ < 200 and reg.score(X, X[:, 0] * 1e6) > 0.8


def test_targets_of_any_unit(blobs):
    X = blobs[0]
    y = X[:, 0] + X[:, 1] ** 2
    small = clone(REGRESSOR).fit(X, y)
    large = clone(REGRESSOR).fit(X, np.column_stack([y, 1e9 + 1e6 * y]))
    assert small.predict(X).shape == (200,) and large.predict(X).shape == (200, 2)
    assert small.score(X, y) > 0.8 and large.score(X, np.column_stack([y, 1e9 + 1e6 * y])) > 0.8
    assert clone(REGRESSOR).fit(X, np.full(200, 3.1)).predict(X) == pytest.approx(3.1, abs=0.5)


def test_integers_are_not_copied_to_floats(blobs):
    X = np.random.default_rng(0).integers(0, 2, (200, 5)).astype(np.uint8)
    assert clone(CLASSIFIER)._rows  # the checks of predict are those of fit
    assert clone(CLASSIFIER)._validated(X, reset=True).dtype == np.uint8


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"density": 0}, "density must be"),
        ({"policy": "none"}, "policy must be one of 'auto', 'set', 'static'"),
        ({"policy": 3}, "policy must be like"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of 'adam'"),
        ({"batch_size": "all"}, "batch_size must be one of 'auto'"),
        ({"max_iter": 0}, "max_iter must be"),
        ({"validation_fraction": 1.0}, "validation_fraction must be"),
        ({"learning_rate": -1.0}, "lr"),
        ({"hidden_layer_sizes": (10, 0)}, "sizes"),
        ({"recipe": "sound"}, "recipe must be one of 'auto', 'images'"),
        ({"recipe": "images"}, "must come with image_shape"),
        ({"recipe": "text", "image_shape": (1, 5)}, "image_shape is read by"),
        ({"image_shape": (2, 5)}, "has 10 values; the layer has 5"),
        ({"learning_rate": "fast"}, "learning_rate must be one of 'auto'"),
        ({"weight_decay": "some"}, "weight_decay must be one of 'auto'"),
    ],
)
def test_wrong_settings(setting, message, blobs):
    with pytest.raises((ValueError, TypeError), match=message):
        clone(CLASSIFIER).set_params(**setting).fit(*blobs)


def test_importing_sparsemlp_leaves_scikit_learn_alone_and_says_how_to_install_it(tmp_path):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError('there is none')")
    code = (
        "import sys, sparsemlp as sm\n"
        "assert 'sklearn' not in sys.modules and 'SparseMLPClassifier' in dir(sm)\n"
        "try: sm.SparseMLPClassifier\n"
        "except ImportError as error: print(error)"
    )
    path = os.pathsep.join([str(tmp_path), str(pathlib.Path(sm.__file__).parents[1])])
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert "pip install 'sparsemlp[sklearn]'" in done.stdout and "there is none" in done.stdout
    with pytest.raises(AttributeError, match="no attribute 'SparseMLPTransformer'"):
        _ = sm.SparseMLPTransformer


# ---- recipes


def recipe_of(X, y=None, **settings):
    y = np.arange(X.shape[0]) % 2 if y is None else y
    return sm.SparseMLPClassifier((20, 20), density=0.3, max_iter=1, random_state=0, **settings).fit(X, y)


def test_auto_decides_from_what_x_holds():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.05, (50, 40)).astype(float)
    for X in (counts, sp.csr_array(counts), counts.astype(int)):
        assert recipe_of(X).recipe_ == "text"
    assert recipe_of(-counts).recipe_ == recipe_of(counts + 1).recipe_ == recipe_of(rng.standard_normal((50, 40))).recipe_ == "tabular"
    assert recipe_of(counts, image_shape=(5, 8)).recipe_ == "images"
    assert recipe_of(counts, recipe="tabular").recipe_ == "tabular"
    for none in ({"recipe": None}, {"density": 1}, {"topology": [sm.Correlated(3), sm.Dense(), sm.Dense()]}):
        clf = sm.SparseMLPClassifier((20, 20), max_iter=1).set_params(**none).fit(counts, np.arange(50) % 2)
        assert clf.recipe_ is None


def test_a_recipe_keeps_to_the_density():
    X = np.random.default_rng(0).standard_normal((60, 64))
    plain = recipe_of(X, recipe=None).network_.n_connections
    for settings in ({"recipe": "tabular"}, {"recipe": "text"}, {"image_shape": (8, 8)}):
        assert abs(recipe_of(X, **settings).network_.n_connections - plain) <= 0.5 * 42


def test_recipes_move_connections_of_text_only():
    X = np.random.default_rng(0).poisson(0.05, (80, 60)).astype(float)
    for settings, moves in (({}, True), ({"recipe": "tabular"}, False), ({"image_shape": (6, 10)}, False), ({"recipe": None}, True)):
        clf = sm.SparseMLPClassifier((30,), density=0.3, max_iter=4, random_state=0, **settings).fit(X, np.arange(80) % 2)
        assert (sum(map(sum, clf.history_["grown"])) > 0) == moves
        assert clf.set_params(policy="static").fit(X, np.arange(80) % 2).history_["grown"][-1][0] == 0


def test_default_rates_rise_and_fall_and_partial_fit_keeps_one(blobs):
    clf = sm.SparseMLPClassifier((20,), density=0.5, max_iter=5).fit(*blobs)
    rates = clf.history_["lr"]
    assert rates[1] == max(rates) > rates[-1] > 0
    assert clf._trainer.optimizer.weight_decay == 0
    stream = sm.SparseMLPClassifier((20,), density=0.5).partial_fit(*blobs, classes=[0, 1, 2])
    assert stream.recipe_ is None and stream.partial_fit(*blobs)._trainer.lr == 0.002
    large = np.random.default_rng(0).standard_normal((10_000, 3)).astype(np.float32)
    clf = sm.SparseMLPClassifier((5,), density=0.5, max_iter=1).fit(large, large[:, 0] > 0)
    assert clf._trainer.optimizer.weight_decay == 5e-4


def test_early_stopping_hides_its_rows_from_the_topology(blobs, monkeypatch):
    seen = []
    real = sm.topology.Correlated.fitted
    monkeypatch.setattr(sm.topology.Correlated, "fitted", lambda self, X, y, layer: seen.append(len(X)) or real(self, X, y, layer))
    X = np.column_stack([blobs[0]] * 4)
    sm.SparseMLPClassifier((20,), density=0.2, max_iter=2, early_stopping=True, validation_fraction=0.25).fit(X, blobs[1])
    assert seen == [150]


def test_dropout_on_few_inputs_is_a_warning(blobs):
    with pytest.warns(UserWarning, match="dropout hurts units of few inputs: those of layer 1 have"):
        recipe_of(*blobs, dropout=0.3)


def test_regression_takes_recipes_too():
    X = np.random.default_rng(0).standard_normal((300, 64))
    for settings, name in (({}, "tabular"), ({"recipe": "text"}, "text"), ({"image_shape": (8, 8)}, "images")):
        reg = sm.SparseMLPRegressor((40, 40), density=0.3, max_iter=30, learning_rate=0.01, random_state=0, **settings)
        assert reg.fit(X, X[:, 0] + X[:, 1]).recipe_ == name and reg.score(X, X[:, 0] + X[:, 1]) > 0.5
