"""The energy report: against the paper's figures, by format and by layer, for any net."""

import pytest

import sparsemlp as sm
from sparsemlp.reports.energy import PICOJOULES, nanojoules


def test_the_papers_figures():
    assert PICOJOULES == {"int8": (0.2, 0.03), "int32": (3.1, 0.1), "float16": (1.1, 0.4), "float32": (3.7, 0.9)}
    assert round(nanojoules(4389)) == 16
    assert nanojoules(4389, adds=True) == pytest.approx(4.389 * 4.6)


@pytest.mark.parametrize("topology", [sm.Dense(), sm.Uniform(0.25)])
def test_every_connection_is_a_multiplication_and_an_addition(topology):
    net = sm.MLP([20, 30, 5], topology=topology, seed=0)
    report = sm.energy_report(net)
    assert [row["connections"] for row in report.layers] == [layer.weights.n_connections for layer in net.layers]
    assert report.connections == net.n_connections and report.dense_connections == 750
    for number_format, (multiply, add) in PICOJOULES.items():
        assert report.nanojoules(number_format) == pytest.approx(net.n_connections * multiply / 1000)
        assert report.nanojoules(number_format, adds=True) == pytest.approx(net.n_connections * (multiply + add) / 1000)
        parts = [report.nanojoules(number_format, adds=True, layer=k) for k in (0, 1)]
        assert sum(parts) == pytest.approx(report.nanojoules(number_format, adds=True))


def test_numbers_for_json_and_text_agree():
    trainer = sm.Trainer(sm.MLP([20, 30, 5], topology=sm.Uniform(0.25), seed=0))
    report = sm.energy_report(trainer)
    numbers = report.to_dict()
    assert numbers["total"]["multiply_nj"]["float32"] == report.nanojoules()
    assert numbers["dense"]["multiply_add_nj"]["int8"] == pytest.approx(750 * 0.23 / 1000)
    assert [row["shape"] for row in numbers["layers"]] == [[20, 30], [30, 5]]
    lines = str(report).splitlines()
    assert len(lines) == 6 and f"{report.nanojoules():.4g}" in lines[3] and lines[3].startswith("total")


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="'int8', 'int32', 'float16', 'float32'; got 'bfloat16'"):
        sm.energy_report(sm.MLP([2, 2], seed=0)).nanojoules("bfloat16")
