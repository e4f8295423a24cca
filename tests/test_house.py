"""Rules of the house that no linter knows: who may import whom, what is listed, what stays light."""

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "sdk": "densepose_mobile",
    "train": "densepose_mobile.train",
    "convert": "densepose_mobile.convert",
    "calibration": "densepose_mobile.calibration",
    "apps": "densepose_mobile.apps",
}
OTHERS = {name for folder, name in FOLDERS.items() if folder != "sdk"}
# What each folder may import of the others; everything may import the SDK.
ARROWS = {
    "sdk": (),
    "calibration": (),
    "apps": (),
    "train": (),
    "convert": ("densepose_mobile.train.models", "densepose_mobile.calibration"),
}
SDK_NEEDS = {"numpy", "cv2", "typer", "rich"}
RUNTIMES = {"ai_edge_litert", "tflite_runtime", "onnxruntime", "executorch", "coremltools"}
LAZY = {
    **dict.fromkeys(RUNTIMES, "runtime"),
    "torch": "runtime",  # for ExecuTorch, whose Python runtime takes and gives its tensors
    "PIL": "runtime",  # for Core ML, which takes pictures as its images
    "pycocotools": "metrics",
    "motmetrics": "metrics",
}  # what only one package asks for, and only then
HEAVY = ("torch", "kivy", "lightning", "scipy", "PIL", "yaml", "skimage", "densepose_mobile.train")
LINES = (5, 300)
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *(part for part in rest if part != "__init__")])


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module by full name, and whether it is imported when the file is."""
    tree = ast.parse(path.read_text("utf-8"))
    lazy = {
        id(node)
        for scope in ast.walk(tree)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(scope)
    }
    package = name_of(path).split(".") if path.name == "__init__.py" else name_of(path).split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", id(node) not in lazy


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_arrows() -> None:
    wrong = []
    for path in MODULES:
        folder = path.relative_to(ROOT).parts[0]
        for name, _ in imports(path):
            foreign = any(within(name, other) for other in OTHERS - {FOLDERS[folder]})
            if foreign and not any(within(name, allowed) for allowed in ARROWS[folder]):
                wrong.append(f"{label(path)} imports {name}")
    assert not wrong


def test_nobody_imports_by_folder_name() -> None:
    wrong = []
    for path in MODULES + sorted((ROOT / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
        if {name.split(".")[0] for name in named} & {*FOLDERS, "tests"}:
            wrong.append(label(path))
    assert not wrong


def test_the_sdk_needs_little() -> None:
    wrong = []
    for path in MODULES:
        for name, at_once in imports(path) if path.relative_to(ROOT).parts[0] == "sdk" else ():
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in SDK_NEEDS or top == "densepose_mobile":
                continue
            if at_once or LAZY.get(top) != path.parent.name:
                wrong.append(f"{label(path)} imports {name}" + (" before it is asked for" if at_once else ""))
    assert not wrong


def test_modules_are_of_a_size_to_read() -> None:
    lines = {label(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert not {path: count for path, count in lines.items() if count > LINES[1]}
    assert not {path: count for path, count in lines.items() if count < LINES[0] and not path.endswith("__init__.py")}


def test_modules_say_what_they_are_and_offer() -> None:
    wrong = []
    for path in MODULES:
        tree = ast.parse(path.read_text("utf-8"))
        targets = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
        offers = any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        if not ast.get_docstring(tree) or not (offers or path.name == "__init__.py"):
            wrong.append(label(path))
    assert not wrong


def test_every_package_is_listed() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    listed = set(config["options"]["packages"].split())
    present = {name_of(path.parent / "__init__.py") for path in MODULES}
    assert present == listed
    assert all((path.parent / "__init__.py").exists() for path in MODULES)


def test_commands_of_other_packages_are_typer_apps() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    for line in config["options.entry_points"]["densepose_mobile.commands"].split("\n"):
        if not line.strip():
            continue
        name, target = (word.strip() for word in line.split("="))
        assert target.split("[")[0].strip().endswith(":app"), name
        assert not within(target, "densepose_mobile.cli"), name


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


NOTHING_HEAVY = f"""
import sys
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""


def test_importing_is_light() -> None:
    run("import densepose_mobile, densepose_mobile.cli.main\n" + NOTHING_HEAVY)
    run("import densepose_mobile, sys\nassert 'ai_edge_litert' not in sys.modules")


def test_predicting_is_light() -> None:
    if not (ROOT / "sdk/models/small.dpm").exists():
        pytest.skip("no bundle is shipped yet")
    run(
        "import numpy as np\nfrom densepose_mobile import DensePose\n"
        "model = DensePose.load(backend='litert')\n"
        "model.predict(np.zeros((96, 128, 3), np.uint8))\n"
        "import densepose_mobile.draw, densepose_mobile.cli.predict\n" + NOTHING_HEAVY
    )


def test_predicting_with_onnx_is_light(tmp_path: Path) -> None:
    """Graphs of zeros, made without torch, with everything that the predictor does around them."""
    helper = pytest.importorskip("onnx.helper")
    pytest.importorskip("onnxruntime")
    from densepose_mobile.bundle import Manifest, write_bundle
    from densepose_mobile.spec import ModelSpec

    spec = ModelSpec(detect_size=64, track_size=64)
    graphs = {}
    for graph in spec.graphs():
        inputs, outputs = (
            [helper.make_tensor_value_info(tensor.name, 1, tensor.shape) for tensor in tensors]
            for tensors in (graph.inputs, graph.outputs)
        )
        constants = [helper.make_tensor(f"{t.name}_shape", 7, [len(t.shape)], t.shape) for t in graph.outputs]
        nodes = [helper.make_node("ConstantOfShape", [f"{t.name}_shape"], [t.name]) for t in graph.outputs]
        model = helper.make_model(
            helper.make_graph(nodes, graph.name, inputs, outputs, constants),
            opset_imports=[helper.make_opsetid("", 20)],
            ir_version=9,
        )
        graphs[graph.name] = model.SerializeToString()
    path = tmp_path / "zeros.dpm"
    write_bundle(path, Manifest("zeros", "1", "onnx-fp32", spec, "no atlas"), graphs, {})
    run(
        "import numpy as np\nfrom densepose_mobile import DensePose\n"
        f"model = DensePose.load({str(path)!r}, backend='onnx')\n"
        "model.predict(np.zeros((96, 128, 3), np.uint8), mode='accurate')\n"
        "assert model.placement['track'].complete\n" + NOTHING_HEAVY
    )
