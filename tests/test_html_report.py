"""The HTML report: one file, nothing from outside, nothing unescaped."""

import html.parser
import json
import re

import numpy as np
import pytest

import sparsemlp as sm
from sparsemlp.commands.main import main
from sparsemlp.reports.html import numbers, page, text
from sparsemlp.reports.runs import Run, read

EVIL = '<script>alert("1")</script>&\'x'
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "p",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "img",
}
ALLOWED |= {"details", "summary", "svg", "g", "defs", "path", "use", "text", "tspan", "clippath", "rect"}
EMPTY = {"meta", "img"}


class Strict(html.parser.HTMLParser):
    """Every element allowed, closed, and referring to nothing outside the page."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("href", "action", "srcset")
            assert name != "src" or value.startswith("data:image/png;base64,")
            assert name != "xlink:href" or value.startswith("#")
        self.seen.append(tag)
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(document):
    parser = Strict()
    parser.feed(document)
    parser.close()
    assert not parser.open
    ids = re.findall(r' id="([^"]*)"', document)
    assert len(set(ids)) == len(ids)
    return parser.seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    sm.set_num_threads(1)
    out = tmp_path_factory.mktemp("report") / "run"
    code = main(["train", "--net", "64-30-10", "--epochs", "3", "--validation", "0.1", "--epsilon", "5", "--quiet", "--out", str(out)])
    assert code == 0
    yield out
    sm.set_num_threads(None)


def test_of_a_folder(folder, capsys):
    assert main(["report", str(folder), "--json", str(folder / "n.json")]) == 0
    assert str(folder / "report.html") in capsys.readouterr().out
    document = (folder / "report.html").read_text(encoding="utf-8")
    seen = checked(document)
    assert seen.count("svg") == 3 and "img" in seen  # curves, degrees and topology of the sparse net
    found = json.loads((folder / "n.json").read_text())
    assert list(found) == ["small", "sparse", "dense"]
    results = json.loads((folder / "results.json").read_text())
    for arm in found:
        assert found[arm]["test_accuracy"] == results["arms"][arm]["test_accuracy"]
        assert f"{100 * found[arm]['test_accuracy']:.2f} %" in document
    assert found["sparse"]["bytes_prediction"] < found["sparse"]["bytes_training"]
    assert document == page(read([folder]), folder.name)  # the same bytes each time


def test_of_saved_nets_and_several_at_once(folder, tmp_path, capsys):
    wide = sm.MLP([5, 4, 3], topology=[sm.Uniform(0.2), sm.Dense()], seed=0)
    sm.save(tmp_path / "net.sm", wide)
    sm.save(tmp_path / "small.sm", sm.for_prediction(wide))
    out = tmp_path / "both.html"
    paths = [tmp_path / "net.sm", tmp_path / "small.sm", tmp_path / "net.sm", folder]
    assert main(["report", *map(str, paths), "--out", str(out), "--title", EVIL]) == 0
    document = out.read_text(encoding="utf-8")
    checked(document)
    assert EVIL not in document and text(EVIL) in document
    assert "<h2>net (2)</h2>" in document and "<h2>run/sparse</h2>" in document
    assert "reach no output" in document or "no input reaches" in document
    capsys.readouterr()


def test_everything_is_escaped():
    net = sm.MLP([36, 4, 2], density=0.5, seed=0)
    record = {"epoch": 0, "loss": float("nan"), "accuracy": 0.5, "seconds": 1.0, "evolution_seconds": 0.0, EVIL: EVIL}
    record |= {"density": [0.5, 0.5], "grown": [3, 0], "dropped": [3, 0], "val_loss": -1.0}
    records = [record, {**record, "epoch": 1, "val_accuracy": None, "loss": np.inf}]
    run = Run(EVIL, net, records, EVIL, 0.5, {EVIL: EVIL}, {EVIL: [EVIL]}, 10)
    document = page([run], EVIL)
    checked(document)
    assert "alert(" in document and "<script" not in document
    assert numbers(run)["epochs"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["."], "holds no *.sparsemlp file"),
        (["text.sm"], "no valid checkpoint"),
        (["net.sm", "--out", "none/report.html"], "--out must be in a folder that exists"),
        (["net.sm", "--json", "."], "--json must be a file"),
        (["bad"], "must be JSON"),
    ],
)
def test_errors(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sm.save("net.sm", sm.MLP([3, 2], seed=0))
    (tmp_path / "text.sm").write_text("no checkpoint")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "results.json").write_text("{")
    sm.save("bad/net.sparsemlp", sm.MLP([3, 2], seed=0))
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err
