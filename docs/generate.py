"""Pages that are made from the code when the site is built: every key of params.yaml, every plug-in, every module.

They are Markdown in docs/reference/, which git does not keep.
"""

import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, TypeAdapter
from ruamel.yaml import YAML

from pipeline import plugins
from pipeline.config.overrides import Override
from pipeline.config.plugin_options import options_schema
from pipeline.config.run_config import RunConfig
from pipeline.config.schema import TaskSettings
from pipeline.data.raw.description import Features, Links, Log
from pipeline.strict_model import StrictModel

ROOT = Path(__file__).parents[1]
REFERENCE = Path(__file__).with_name("reference")

KINDS = {
    "combiners": "Rules",
    "losses": "Losses",
    "encoders": "Encoders",
    "optimizers": "Optimisers",
    "tasks": "Tasks",
    "metrics": "Metrics",
    "solvers": "Solvers",
    "baselines": "Baselines",
    "datasets": "Data sets",
}

REQUIRED = "required"

# Sections whose keys are names of the user's choice: what an entry may hold.
ENTRIES: dict[str, dict[str, type[BaseModel]]] = {
    "tasks": {"tasks.<task>": TaskSettings},
    "custom": {
        "custom.<data set>.interactions": Log,
        "custom.<data set>.relations.<relation>": Links,
        "custom.<data set>.features.<node type>": Features,
    },
    "overrides": {"overrides.<data set>": Override},
}


def write(path: str, text: str) -> None:
    """A page below docs/reference/; one that would not change is left alone, so that it is not built again."""
    file = REFERENCE / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def kind_of(schema: dict[str, Any], definitions: dict[str, Any]) -> str:  # noqa: PLR0911  # a case per kind of schema
    """A JSON schema in a few words: type and range."""
    if "$ref" in schema:
        return kind_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        return " or ".join(kind_of(one, definitions) for one in schema["anyOf"])
    kind = schema.get("type", "anything")
    limits = {"minimum": ">= ", "exclusiveMinimum": "> ", "maximum": "<= ", "exclusiveMaximum": "< "}
    found = [f"{sign}{schema[key]:g}" for key, sign in limits.items() if key in schema]
    if kind == "array":
        entries = schema.get("items", {})
        return f"list of {kind_of(entries, definitions)}" if "items" in schema else "list"
    if kind == "object" and "properties" in schema:
        return "section"
    return {"null": "`null`"}.get(kind, kind) + (f" {', '.join(found)}" if found else "")


def comments() -> dict[str, str]:
    """Key path -> the comment beside it in params.yaml, or in what lies below it."""
    found, path = {}, []
    files = (ROOT / "pipeline/config/defaults.yaml", ROOT / "params.yaml")
    for line in (line for file in files for line in file.read_text(encoding="utf-8").splitlines()):
        if not (match := re.match(r"( *)([\w.]+):([^#]*)(?:#\s*(.*))?$", line)):
            continue
        depth = len(match[1]) // 2
        path = [*path[:depth], match[2]]
        found[".".join(path)] = match[4] or ""
    return found


def key_rows(model: type[BaseModel], values: Any, prefix: str, said: dict[str, str]) -> list[str]:
    """A line of a table for every key of a section."""
    schema = TypeAdapter(model).json_schema()
    definitions, rows = schema.get("$defs", {}), []
    for name in model.model_fields:
        of_key = schema["properties"][name]
        default = values.get(name) if isinstance(values, dict) else None
        shown = "" if isinstance(default, dict) and default else default if default is REQUIRED else f"`{default}`"
        meaning = said.get(prefix + name, "").replace("|", r"\|")
        rows.append(f"| `{prefix}{name}` | {kind_of(of_key, definitions)} | {shown} | {meaning} |")
    return rows


def params_page() -> None:
    """Every key with type, range, default and meaning."""
    values, said = YAML(typ="safe", pure=True).load(ROOT / "params.yaml"), comments()
    lines = ["# Keys of params.yaml", "", "An unknown key, a wrong type or a value out of range is refused in one line.", ""]
    header = ["| key | type and range | value in params.yaml | meaning |", "| --- | --- | --- | --- |"]
    for name, field in RunConfig.model_fields.items():
        lines += [f"## `{name}`", ""]
        if said.get(name):
            lines += [f"{said[name][:1].upper()}{said[name][1:]}.", ""]
        annotation = field.annotation
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            lines += [*header, *key_rows(annotation, values[name], f"{name}.", said), ""]
        elif name in ENTRIES:
            lines += entries_of(name)
        elif name in KINDS and name != "datasets":
            lines += [
                f"A section for each plug-in or, with `like`, for each variant: see [{KINDS[name]}]({name}/index.md).",
                "",
            ]
        else:
            schema = RunConfig.model_json_schema()
            lines += [f"Type: {kind_of(schema['properties'][name], schema.get('$defs', {}))}.", ""]
    write("params.md", "\n".join(lines))


def entries_of(name: str) -> list[str]:
    """Of a section whose keys are names of the user's choice: a table for each kind of entry, meanings from its docstring."""
    lines = []
    for path, model in ENTRIES[name].items():
        docstrings = "\n".join(base.__doc__ or "" for base in reversed(model.__mro__) if issubclass(base, StrictModel))
        told = dict(re.findall(r"^ {8}([\w, ]+): (.*(?:\n {12}.*)*)", docstrings, re.MULTILINE))
        said = {f"{path}.{key.strip()}": " ".join(text.split()) for keys, text in told.items() for key in keys.split(",")}
        defaults = {
            key: REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
            for key, field in model.model_fields.items()
        }
        header = [f"### `{path}`", "", "| key | type and range | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [*header, *key_rows(model, defaults, f"{path}.", said), ""]
    return lines


def options_table(public: Any) -> list[str]:
    """The options of a plug-in."""
    try:
        schema = options_schema(public)
    except (TypeError, ValueError, pydantic.errors.PydanticUserError):
        return []
    if not schema.model_fields:
        return []
    as_json = schema.model_json_schema()
    lines = ["", "## Options", "", "| option | type | default |", "| --- | --- | --- |"]
    for name, field in schema.model_fields.items():
        lines.append(f"| `{name}` | {kind_of(as_json['properties'][name], as_json.get('$defs', {}))} | `{field.default}` |")
    return lines


def plugin_pages() -> list[str]:
    """A page per plug-in from its docstrings, and an index per kind; the names of the indexes."""
    indexes = []
    for kind, title in KINDS.items():
        listed = []
        for name in plugins.names(kind):
            module = importlib.import_module(plugins.module_of(kind, name))
            public = plugins.load(kind, name)
            summary = (module.__doc__ or "").strip().splitlines()[0]
            listed.append(f"- [`{name}`]({name}.md): {summary}")
            lines = [f"# {name}", "", inspect.cleandoc(module.__doc__ or ""), "", formatted(told_by(public))]
            if (ROOT / f"docs/{kind}/{name}.md").is_file():
                lines += ["", f"[What is in it](../../{kind}/{name}.md): sizes, coverage of the side tables, licence, leaks."]
            write(f"{kind}/{name}.md", "\n".join([*lines, *options_table(public)]) + "\n")
        package = importlib.import_module(f"pipeline.{kind}")
        pages = "\n".join(plugins.names(kind))
        text = formatted(inspect.cleandoc(package.__doc__ or ""))
        write(
            f"{kind}/index.md",
            f"# {title}\n\n{text}\n\n" + "\n".join(listed) + f"\n\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n",
        )
        indexes.append(f"{kind}/index")
    return indexes


def told_by(public: Any) -> str:
    """The docstring of a plug-in: its own, or that of the function that does the work."""
    if not (inspect.isclass(public) or inspect.isfunction(public)):
        public = getattr(public, "read", None) or getattr(public, "build", None)
    return inspect.cleandoc(public.__doc__ or "") if public is not None else ""


def formatted(docstring: str) -> str:
    """A Google docstring as Markdown: sections as bold words, entries as lists, literal blocks as code."""
    lines, inside = [], ""
    for line in docstring.replace("``", "`").splitlines():
        if re.fullmatch(r"(Args|Returns|Raises|Attributes):", line):
            inside = line[:-1]
            lines += ["", f"**{inside}**", ""]
        elif inside and (entry := re.match(r"    (\w[\w, *.]*): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif inside and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            inside = "" if line.strip() else inside
            lines.append(line)
    return textwrap.dedent(re.sub(r"::\n", ":\n", "\n".join(lines)))


def signature_of(name: str, public: Any) -> str:
    """As one would call it."""
    try:
        return f"{name}{inspect.signature(public)}"
    except (TypeError, ValueError):
        return name


def documented(module_name: str) -> list[str]:
    """The public names of a module, with signatures, docstrings, and the public methods of classes."""
    module = importlib.import_module(module_name)
    lines = [f"## {module_name}", "", formatted(inspect.cleandoc(module.__doc__ or "")), ""]
    for name in getattr(module, "__all__", []):
        public = getattr(module, name)
        if not (inspect.isclass(public) or inspect.isfunction(public)):
            continue
        lines += [f"### {name}", "", "```python", signature_of(name, public), "```", ""]
        lines += [formatted(inspect.cleandoc(public.__doc__ or "")), ""]
        for method, of in vars(public).items() if inspect.isclass(public) else ():
            function = getattr(of, "__func__", of.fget if isinstance(of, property) else of)
            if not method.startswith("_") and inspect.isfunction(function) and function.__doc__:
                lines += [f"#### {name}.{method}", "", "```python", signature_of(method, function), "```", ""]
                lines += [formatted(inspect.cleandoc(function.__doc__)), ""]
    return lines


def api_pages() -> list[str]:
    """A page per room with its modules; the names of the pages."""
    rooms: dict[str, list[str]] = {}
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        if path.stem.startswith("_") or (module.split(".")[1] in KINDS and path.stem != "base"):
            continue
        rooms.setdefault(module.rpartition(".")[0], []).append(module)
    pages = []
    for room, modules in sorted(rooms.items()):
        package = importlib.import_module(room)
        lines = [f"# {room}", "", formatted(inspect.cleandoc(package.__doc__ or "")), ""]
        for module in modules:
            lines += documented(module)
        name = room.replace(".", "-")
        write(f"python/{name}.md", "\n".join(lines) + "\n")
        pages.append(f"python/{name}")
    listed = "\n".join(page.removeprefix("python/") for page in pages)
    write("python/index.md", f"# Python\n\nA page per room of the library.\n\n```{{toctree}}\n\n{listed}\n```\n")
    return ["python/index"]


def generate() -> None:
    """All pages, and the index of the reference."""
    params_page()
    pages = "\n".join(["params", *plugin_pages(), *api_pages()])
    write("index.md", f"# Reference\n\n```{{toctree}}\n:maxdepth: 2\n\n{pages}\n```\n")
