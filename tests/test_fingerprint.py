"""What goes stale when code changes: every function of the closure is changed in turn."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import fingerprint, plugins
from tests.sources import ROOT, files_run_by, project_files

ROOTS = {
    "download": ("stages.download", "pipeline.datasets.demo"),
    "preprocess": ("stages.preprocess", "pipeline.datasets.demo"),
    "build_tasks": ("stages.build_tasks", *(f"pipeline.tasks.{name}" for name in plugins.names("tasks"))),
    "pmtrec": (
        "stages.train",
        "pipeline.combiners.pmtrec",
        "pipeline.encoders.mf",
        "pipeline.losses.bpr",
        "pipeline.optimizers.adam",
    ),
    "pcgrad": (
        "stages.train",
        "pipeline.combiners.pcgrad",
        "pipeline.encoders.mf",
        "pipeline.losses.bpr",
        "pipeline.optimizers.adam",
    ),
    "ease": ("stages.train", "pipeline.baselines.ease"),
    "evaluate": ("stages.evaluate", "pipeline.metrics.ndcg", "pipeline.metrics.recall"),
}
NUMBERS = sorted(set().union(*(files_run_by(*roots) for roots in ROOTS.values())))


def of_all() -> dict[str, str]:
    return {name: fingerprint.fingerprint(*roots) for name, roots in ROOTS.items()}


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Iterator["Edits"]:
    """Files that read otherwise than they are, without a write."""
    with monkeypatch.context() as patch:
        yield Edits(patch)
    clear()


def clear() -> None:
    for cached in (fingerprint.closure, fingerprint._imports, fingerprint._digest):
        cached.cache_clear()


class Edits:
    """Reads of files, some of them edited."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.contents: dict[Path, bytes] = {}
        read = Path.read_bytes
        patch.setattr(Path, "read_bytes", lambda path: self.contents.get(path) or read(path))

    def __call__(self, name: str, content: str) -> None:
        self.contents[ROOT / name] = content.encode()
        clear()


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


# What may be loaded without being counted, file by file: nothing else.
UNCOUNTED = re.compile(
    r"pipeline/(config|inspection|reports|terminal|tracking)/.*|pipeline/(errors|fingerprint|processes|secrets|sqlite_file)\.py|stages/_stage\.py|pipeline/ranking/(explanation|likeness|links|query|questions|recommender|storage)\.py"
)


@cache
def loaded(name: str) -> frozenset[str]:
    """Files of ours that Python has loaded when it has imported a stage and its plug-ins, packages left out."""
    code = f"""
import importlib, sys
for module in {ROOTS[name]!r}:
    importlib.import_module(module)
print(*(of.__file__ for module, of in sys.modules.items() if module.split(".")[0] in ("pipeline", "stages")))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    files = (Path(file).relative_to(ROOT).as_posix() for file in done.stdout.split())
    return frozenset(file for file in files if not file.endswith("__init__.py"))


@pytest.mark.parametrize("path", project_files())
def test_a_change_makes_stale_all_that_run_the_file(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """What Python itself loads for a stage is counted, but for what is listed above, which never is."""
    before, known = of_all(), fingerprint._digest
    monkeypatch.setattr(fingerprint, "_digest", lambda file: "changed" if file == ROOT / path else known(file))
    after = of_all()
    stale = {name for name in ROOTS if before[name] != after[name]}
    if UNCOUNTED.fullmatch(path):
        assert stale == set()
    else:
        assert stale >= {name for name in ROOTS if path in loaded(name)}
        assert stale == {name for name, roots in ROOTS.items() if path in files_run_by(*roots)}


@pytest.mark.parametrize("path", NUMBERS)
def test_a_change_in_any_function_changes_the_file(path: str) -> None:
    """Each gets another last statement in turn."""
    content = (ROOT / path).read_text()
    before = digest(content)
    for number in range(len(functions(ast.parse(content)))):
        tree = ast.parse(content)
        functions(tree)[number].body.append(ast.parse("changed = 1").body[0])
        assert digest(ast.unparse(ast.fix_missing_locations(tree))) != before


def digest(content: str) -> str:
    return ast.dump(fingerprint.Bare().visit(ast.parse(content)), annotate_fields=False)


@pytest.mark.parametrize(
    ("path", "stale"),
    [
        ("pipeline/combiners/pmtrec.py", {"pmtrec"}),
        ("pipeline/combiners/_torchjd.py", {"pcgrad"}),
        ("pipeline/combiners/base.py", {"pmtrec", "pcgrad", "ease"}),
        ("pipeline/training/loop.py", {"pmtrec", "pcgrad", "ease"}),
        ("pipeline/kernels/adam.py", {"pmtrec", "pcgrad"}),
        ("pipeline/baselines/ease.py", {"ease"}),
        ("pipeline/metrics/recall.py", {"evaluate"}),
        ("pipeline/metrics/ndcg.py", {"pmtrec", "pcgrad", "ease", "evaluate"}),
        ("pipeline/data/filtering.py", {"preprocess"}),
        ("pipeline/data/placebo.py", {"build_tasks"}),
        ("pipeline/datasets/demo.py", {"download", "preprocess"}),
        ("pipeline/seeding.py", set(ROOTS) - {"evaluate"}),
        ("pipeline/tracking/run.py", set()),
        ("pipeline/reports/plots.py", set()),
        ("pipeline/ranking/recommender.py", set()),
        ("pipeline/config/schema.py", set()),
        ("pipeline/errors.py", set()),
        ("stages/_stage.py", set()),
        ("pipeline/terminal/progress.py", set()),
        ("stages/train.py", {"pmtrec", "pcgrad", "ease"}),
    ],
)
def test_what_goes_stale(edited: Edits, path: str, stale: set[str]) -> None:
    before = of_all()
    edited(path, (ROOT / path).read_text() + "\n\nCHANGED = 1\n")
    after = of_all()
    assert {name for name in ROOTS if before[name] != after[name]} == stale


@pytest.mark.parametrize("path", NUMBERS)
def test_comments_docstrings_layout_log_lines_and_error_texts_make_nothing_stale(path: str) -> None:
    content = (ROOT / path).read_text()
    tree = ast.parse(content)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = "another docstring"
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args = [ast.Constant("another text")]
    other = "# a comment\n" + ast.unparse(ast.fix_missing_locations(tree)).replace("log.info(", "log.warning('x', ")
    assert digest(other) == digest(content)


@pytest.mark.parametrize(
    "form",
    [
        "from pipeline.combiners._helper import HALF",
        "from pipeline.combiners import _helper",
        "from ._helper import HALF",
        "from . import _helper",
        "import pipeline.combiners._helper",
        "import pipeline.combiners._helper as h",
        "def late():\n    from pipeline.combiners import _helper",
        "if True:\n    import pipeline.combiners._helper as h",
    ],
)
def test_a_helper_is_followed_whatever_form_the_import_has(edited: Edits, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    exists = Path.is_file
    helper = ROOT / "pipeline/combiners/_helper.py"
    monkeypatch.setattr(Path, "is_file", lambda path: path == helper or exists(path))
    edited("pipeline/combiners/_helper.py", "HALF = 1 / 2\n")
    edited("pipeline/combiners/pmtrec.py", (ROOT / "pipeline/combiners/pmtrec.py").read_text() + f"\n\n{form}\n")
    before = of_all()
    edited("pipeline/combiners/_helper.py", "HALF = 1 / 200\n")
    after = of_all()
    assert {name for name in ROOTS if before[name] != after[name]} == {"pmtrec"}


def test_no_dynamic_import_escapes_it() -> None:
    """Only ``plugins`` imports by name; tests/stages/test_edits.py holds that against what a stage at work has loaded."""
    dynamic = {
        path
        for path in project_files()
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in ("import_module", "spec_from_file_location", "exec_module"))
        or (isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval", "runpy"))
    }
    assert dynamic == {"pipeline/plugins.py"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1", '"a docstring"\nx = 1', True),
        ("def f():\n    return 1", "def f():\n    'doc'\n    log.info('%s', 1)\n    return 1", True),
        ("def f():\n    pass", "def f():\n    'doc'", True),
        ("def f(x):\n    raise ValueError(x)", "def f(x):\n    fix = f'{x}'\n    raise ValueError(fix)", True),
        ("def f(x):\n    raise ValueError(x)", "def f(x):\n    raise KeyError(x)", False),
        ("def f(x):\n    raise Found(1)", "def f(x):\n    raise Found(2)", False),
        ("def f():\n    a = 'x'\n    return a", "def f():\n    a = 'y'\n    return a", False),
        ("def f(log):\n    log.append(1)", "def f(log):\n    log.append(2)", False),
        ("X = 'a'", "X = 'b'", False),
        ("def f(x=1):\n    return x", "def f(x=2):\n    return x", False),
        ("@a\ndef f(): ...", "@b\ndef f(): ...", False),
        ("class A(B):\n    x = 1", "class A(C):\n    x = 1", False),
        ("f = lambda x: x", "f = lambda x: -x", False),
    ],
)
def test_what_counts(one: str, other: str, same: bool) -> None:
    assert (digest(one) == digest(other)) == same


def test_versions_of_libraries_and_of_python_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"torch", "numpy", "numba", "torchjd"} <= set(fingerprint.libraries(*ROOTS["pcgrad"]))
    assert "implicit" in fingerprint.libraries("stages.train", "pipeline.baselines.implicit_als")
    assert {"quadprog", "ecos"} <= set(fingerprint.libraries("stages.train", "pipeline.combiners.nash_mtl"))
    assert fingerprint._version("sklearn").startswith("scikit-learn ")
    assert "mlflow" not in fingerprint.libraries(*ROOTS["pmtrec"])
    before = of_all()
    monkeypatch.setattr(fingerprint, "_version", lambda name: "0" if name == "torch" else "1")
    assert of_all() != before
    monkeypatch.undo()
    monkeypatch.setattr(sys, "version_info", SimpleNamespace(major=3, minor=99))
    assert of_all() != before
