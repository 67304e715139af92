"""The rules of the tree, read from the syntax of its files; each rule answers with sentences."""

import ast
import collections
import dataclasses
import fnmatch
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

# Each package may import those to its right, never one to its left.
LAYERS = ("tests", "benchmarks", "pipelines", "serving", "tfrs_model")

# What a client or another server has to agree on, and what explains a broken TensorFlow. None of it,
# with all that it imports in turn, may cost a TensorFlow import.
TENSORFLOW_FREE = (
    *("serving/__init__.py", "serving/errors.py", "serving/manifest.py", "serving/signatures.py"),
    *("serving/client.py", "serving/client_*.py", "serving/client/__init__.py", "serving/server/probe.py"),
    *("tfrs_model/__init__.py", "tfrs_model/schema.py", "pipelines/__init__.py", "pipelines/doctor.py"),
)
LOADS_TENSORFLOW = ("tensorflow", "tensorflow_serving", "tensorflow_recommenders", "tf_keras", "keras", "scann")

KNOWS_THE_MODEL = ("serving/served_recommender.py", "serving/index/*.py")
NOT_IN_THE_MODEL = ("absl", "argparse", "datetime", "logging", "shutil", "tempfile", "time", "tqdm")
WRITES = ("mkdir", "rmdir", "touch", "unlink", "write_bytes", "write_text", "makedirs")

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
NAMES_THAT_SAY_NOTHING = ("utils", "util", "common", "helpers", "misc")


@dataclasses.dataclass(frozen=True)
class Module:
    """One Python file.

    Attributes:
      path: from the root, with forward slashes.
      tree: its syntax.
      num_lines: how long it is.
    """

    path: str
    tree: ast.Module
    num_lines: int

    @property
    def package(self) -> str:
        """The top-level folder."""
        return self.path.split("/")[0]

    @property
    def name(self) -> str:
        """The dotted name it is imported by."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read_modules(root: pathlib.Path) -> list[Module]:
    """Parses every Python file of the packages."""
    modules = []
    for package in LAYERS:
        for path in sorted((root / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            modules.append(Module(path.relative_to(root).as_posix(), ast.parse(text), text.count("\n")))
    return modules


def imported_names(module: Module, at_import: bool = False) -> Iterator[tuple[int, str]]:
    """Yields line and dotted name of each import; `from a import b` may mean module `a.b` and yields that.

    Args:
      module: where to look.
      at_import: leaves out what runs later or never: function bodies and `if TYPE_CHECKING`.
    """
    for node in _statements(module.tree) if at_import else ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def wrong_directions(modules: Sequence[Module]) -> list[str]:
    """Imports that go against the one direction: tests, benchmarks, pipelines, serving, tfrs_model."""
    found = []
    for module in modules:
        left_of_it = LAYERS[: LAYERS.index(module.package)]
        for line, name in imported_names(module):
            if name.split(".")[0] in left_of_it:
                found.append(f"{module.path}:{line} imports {name}, but {module.package} may not import to its left.")
    return found


def model_imports_in_serving(modules: Sequence[Module]) -> list[str]:
    """Imports of tfrs_model in serving outside index and export; its __init__ may choose Keras."""
    found = []
    for module in modules:
        if module.package != "serving" or _matches(module.path, KNOWS_THE_MODEL):
            continue
        for line, name in imported_names(module):
            allowed = module.path == "serving/__init__.py" and name == "tfrs_model.keras_backend"
            if name.split(".")[0] == "tfrs_model" and not allowed:
                found.append(f"{module.path}:{line} imports {name}; in serving only {', '.join(KNOWS_THE_MODEL)} may.")
    return found


def tensorflow_at_import(modules: Sequence[Module]) -> list[str]:
    """Modules that must be light, but load TensorFlow when imported, directly or through another module."""
    by_name = {module.name: module for module in modules}
    found = []
    for module in modules:
        if not _matches(module.path, TENSORFLOW_FREE):
            continue
        if chain := _chain_to_tensorflow(module, by_name):
            found.append(f"{module.path} loads TensorFlow when imported: {' -> '.join(chain)}.")
    return found


def impure_model_code(modules: Sequence[Module]) -> list[str]:
    """Flags, clocks, logging and writes in tfrs_model, which is tensors in and tensors out."""
    found = []
    for module in modules:
        if module.package != "tfrs_model":
            continue
        for line, name in imported_names(module):
            if name.split(".")[0] in NOT_IN_THE_MODEL:
                found.append(f"{module.path}:{line} imports {name}, which belongs in pipelines.")
        found += [f"{module.path}:{line} writes files with {how}." for line, how in _writes(module.tree)]
    return found


def repeated_flags(modules: Sequence[Module]) -> list[str]:
    """Flag names that are defined twice; absl refuses the second as soon as both modules are imported.

    What a command defines in its `console_main`, as it starts, is not defined where the module is imported.
    """
    places = collections.defaultdict(list)
    for module in modules:
        at_start = [node for node in module.tree.body if getattr(node, "name", "") == "console_main"]
        late = {id(node) for function in at_start for node in ast.walk(function)}
        for node in ast.walk(module.tree):
            if (
                id(node) not in late
                and isinstance(node, ast.Call)
                and _called(node).startswith("DEFINE_")
                and node.args
            ):
                if isinstance(node.args[0], ast.Constant):
                    places[node.args[0].value].append(f"{module.path}:{node.lineno}")
                else:
                    places["<computed>"] += [f"{module.path}:{node.lineno}"] * 2
    return [f"Flag --{name} is defined at {' and '.join(at)}." for name, at in sorted(places.items()) if len(at) > 1]


def names_that_say_nothing(modules: Sequence[Module]) -> list[str]:
    """Files named after no noun."""
    return [
        f"{module.path} needs a name that says what it holds."
        for module in modules
        if pathlib.PurePath(module.path).stem in NAMES_THAT_SAY_NOTHING
    ]


def folders_without_init(root: pathlib.Path) -> list[str]:
    """Folders under tests that Python does not see as packages."""
    folders = {path.parent for path in (root / "tests").rglob("*.py")}
    missing = [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()]
    return [f"{folder.relative_to(root).as_posix()} needs an __init__.py." for folder in missing]


def too_long(modules: Sequence[Module], excused: Mapping[str, str]) -> list[str]:
    """Files and functions beyond the limits.

    Args:
      modules: where to look.
      excused: `path` or `path:function` to the reason why it may be long; an entry no longer needed is reported.
    """
    lengths = {}
    for module in modules:
        if module.num_lines > MAX_FILE_LINES:
            lengths[module.path] = f"{module.path} has {module.num_lines} lines, more than {MAX_FILE_LINES}; split it."
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > MAX_FUNCTION_LINES:
                sentence = f"has {_body_lines(node)} body lines, more than {MAX_FUNCTION_LINES}; split it."
                lengths[f"{module.path}:{node.name}"] = f"{module.path}:{node.lineno} {node.name} {sentence}"
    unneeded = [
        f"{key} is excused ({reason}) but short; drop the excuse."
        for key, reason in excused.items()
        if key not in lengths
    ]
    return [sentence for key, sentence in lengths.items() if key not in excused] + unneeded


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Walks what runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _statements(child)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module
    parts = module.name.split(".")
    package = parts if module.path.endswith("/__init__.py") else parts[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _chain_to_tensorflow(start: Module, by_name: Mapping[str, Module]) -> list[str]:
    """Returns the imports that lead from a module to TensorFlow, or an empty list."""
    waiting, seen = [(start, [start.name])], {start.name}
    while waiting:
        module, chain = waiting.pop(0)
        for _, name in imported_names(module, at_import=True):
            if name.split(".")[0] in LOADS_TENSORFLOW:
                return [*chain, name]
            for part in _prefixes(name):
                if part in by_name and part not in seen:
                    seen.add(part)
                    waiting.append((by_name[part], [*chain, part]))
    return []


def _prefixes(name: str) -> list[str]:
    """Returns `a`, `a.b` and `a.b.c` for `a.b.c`: importing the last runs them all."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _writes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if _called(node) in WRITES and isinstance(node.func, ast.Attribute):
            yield node.lineno, _called(node)
        if _called(node) == "open" and re.fullmatch("[rbt]*[wax+][rbt+]*", _open_mode(node)):
            yield node.lineno, "open"


def _open_mode(node: ast.Call) -> str:
    """Returns the mode of `open(path, mode)` or `path.open(mode)`, as far as it is written out."""
    position = 0 if isinstance(node.func, ast.Attribute) else 1
    values = [*node.args[position : position + 1], *(word.value for word in node.keywords if word.arg == "mode")]
    return "".join(value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str))


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Counts from the first statement after the docstring to the last line."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return node.end_lineno - body[0].lineno + 1 if body else 0


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
