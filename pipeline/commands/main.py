"""The command `pmtrec` and its subcommands."""

import sys
from typing import Annotated

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    name="pmtrec",
    help="Recommenders that learn from several sources at once: train with DVC, look in MLflow, ask, explain and serve here.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

From = Annotated[
    str | None,
    typer.Option(
        "--from", help="data set (its champion), data set/method/seed, models:/name@alias, or a folder", metavar="MODEL"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table")]
K = Annotated[int, typer.Option("-k", help="length of a list", min=1, max=1000)]
Out = Annotated[str, typer.Option("--out", help="file, or a place that fsspec knows; .parquet or .csv")]


@app.command()
def recommend(
    users: Annotated[list[str] | None, typer.Argument(help="ids of users")] = None,
    items: Annotated[list[str] | None, typer.Option("--item", help="what somebody new has; may be repeated")] = None,
    k: K = 10,
    exclude: Annotated[list[str] | None, typer.Option(help="an item that nobody gets; may be repeated")] = None,
    only: Annotated[list[str] | None, typer.Option(help="an item to choose from; may be repeated")] = None,
    seen: Annotated[bool, typer.Option("--seen", help="also what a user has already")] = False,
    source: From = None,
    json: Json = False,
) -> None:
    """Items for users, or for somebody new of whom some items are known."""
    from pipeline.commands.asking import recommend as work

    work(source, users or [], items or [], k, exclude or [], only or [], not seen, json)


@app.command()
def similar(
    item: Annotated[list[str] | None, typer.Option(help="id of an item; may be repeated")] = None,
    user: Annotated[list[str] | None, typer.Option(help="id of a user; may be repeated")] = None,
    k: K = 10,
    source: From = None,
    json: Json = False,
) -> None:
    """The items like an item, the users like a user."""
    from pipeline.commands.asking import similar as work

    work(source, item or [], user or [], k, json)


@app.command()
def explain(
    user: Annotated[str | None, typer.Option(help="id of a user")] = None,
    item: Annotated[str | None, typer.Option(help="id of an item")] = None,
    n: Annotated[int, typer.Option("-n", help="reasons of each kind", min=1, max=100)] = 5,
    source: From = None,
    json: Json = False,
) -> None:
    """Why a user gets an item; or what is known of a user, or of an item."""
    from pipeline.commands.asking import explain as work

    work(source, user, item, n, json)


@app.command()
def batch(
    out: Out,
    k: K = 10,
    source: From = None,
    chunk: Annotated[int, typer.Option(help="users per file of a folder, and between two looks at the bar", min=1)] = 10_000,
) -> None:
    """The lists of all users, as Parquet or CSV; goes on where it was stopped."""
    from pipeline.commands.batch import batch as work

    work(source, out, k, chunk)


@app.command()
def serve(
    source: From = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any free one", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="processes", min=1, max=64)] = 1,
    poll: Annotated[float, typer.Option(help="seconds between two looks whether the champion is another", min=0.1)] = 5.0,
    index: Annotated[bool, typer.Option("--index", help="approximate search (usearch), for a million items")] = False,
) -> None:
    """Answer over HTTP: POST /recommend, /similar, /explain; GET /health, /version, /metrics."""
    from pipeline.commands.serve import serve as work

    work(source, host, port, workers, poll, index)


@app.command("app")
def page(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any free one", min=0, max=65535)] = 8001,
) -> None:
    """A page to look at users, items, reasons and the board of this project."""
    from pipeline.commands.serve import page as work

    work(host, port)


@app.command()
def ui(port: Annotated[int, typer.Option(help="of MLflow's pages", min=1, max=65535)] = 5000) -> None:
    """MLflow's pages of the runs, and where to find them."""
    from pipeline.commands.ui import ui as work

    work(port)


@app.command("inspect")
def inspect_data() -> None:
    """What is in the data sets of params.yaml, and what is wrong with them."""
    from pipeline.commands.inspect import inspect_all as work

    work()


@app.command()
def tune(
    methods: Annotated[list[str] | None, typer.Argument(help="search for these alone")] = None,
    jobs: Annotated[int, typer.Option(help="searches at once", min=1, max=64)] = 1,
    storage: Annotated[str, typer.Option(help="database of the trials")] = "sqlite:///tuning.db",
) -> None:
    """Search the settings of methods, judged on validation; writes settings/<name>/<data set>/<method>.yaml."""
    from pipeline.commands.tune import tune as work

    work(methods or [], jobs, storage)


@app.command()
def compare(
    dataset: Annotated[str | None, typer.Argument(help="one data set alone")] = None,
    json: Json = False,
) -> None:
    """The leader board of the last `dvc repro`."""
    from pipeline.commands.board import compare as work

    work(dataset, json)


@app.command()
def promote(
    dataset: Annotated[str, typer.Argument(help="data set")],
    version: Annotated[str | None, typer.Argument(help="version of the registered model; without it they are listed")] = None,
    force: Annotated[bool, typer.Option("--force", help="also a worse one")] = False,
    json: Json = False,
) -> None:
    """Make a version of the registered model the champion, if it is better on validation."""
    from pipeline.commands.promote import promote as work

    work(dataset, version, force, json)


@app.command()
def sync() -> None:
    """Send to MLflow what it has missed while it could not be reached."""
    from pipeline.commands.repair import sync as work

    work()


@app.command()
def repair() -> None:
    """Find what is damaged in dvc.lock, DVC's cache, the outputs and mlflow.db; dvc repro then makes it again."""
    from pipeline.commands.repair import repair as work

    work()


@app.command()
def refit(
    dataset: Annotated[str, typer.Argument(help="data set")],
    method: Annotated[str, typer.Argument(help="method")],
    out: Annotated[str, typer.Option("--out", help="folder to write the MLflow model to")],
    seed: Annotated[int, typer.Option(help="of the training whose settings are used", min=0)] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or int8")] = "float32",
    warm_start: Annotated[
        str | None, typer.Option("--warm-start", help="yesterday's model: see --from", metavar="MODEL")
    ] = None,
) -> None:
    """Train a method of this project on all interactions, and write the MLflow model."""
    from pipeline.commands.refit import refit as work

    work(dataset, method, seed, out, dtype, warm_start)


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="a folder that is not there yet, or is empty")],
    interactions: Annotated[str | None, typer.Option(help="CSV, TSV or Parquet file: who had what")] = None,
    user: Annotated[str | None, typer.Option(help="its column of users")] = None,
    item: Annotated[str | None, typer.Option(help="its column of items")] = None,
    rating: Annotated[str | None, typer.Option(help="its column of ratings")] = None,
    timestamp: Annotated[str | None, typer.Option(help="its column of times")] = None,
    unit: Annotated[str, typer.Option(help="of the times: s, ms, us, ns, d, iso, order")] = "s",
    relation: Annotated[
        list[str] | None,
        typer.Option(help="side information: name=file,from,to,column,column, as friends=f.csv,user,user,a,b; may be repeated"),
    ] = None,
    titles: Annotated[str | None, typer.Option(help="titles of items: file,id column,title column")] = None,
    name: Annotated[str, typer.Option(help="of the data set")] = "mine",
) -> None:
    """A new project for your own data: params.yaml, dvc.yaml, git and DVC."""
    from pipeline.commands.init import init as work

    columns = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
    work(folder, name, interactions, columns, unit, relation or [], titles)


def main() -> None:
    """Entry point: errors are one line, exit codes those of the stages."""
    from pipeline.terminal.running import run

    run(_call, with_parent=False)


def _call() -> None:
    """A wrong argument is one line too."""
    from pipeline.errors import ParamsError

    command = typer.main.get_command(app)
    try:
        command.main(sys.argv[1:], prog_name="pmtrec", standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # an error of typer's own copy of click, or of click itself
            raise
        text = str(error.format_message()).splitlines()  # of no arguments it is the help
        if not sys.argv[1:]:
            sys.stdout.write("\n".join(text) + "\n")
            return
        raise ParamsError(f"{' '.join(text).rstrip('.')}. Fix: see {' '.join(['pmtrec', *_commands(), '--help'])}") from error


def _commands() -> list[str]:
    """The command that was typed, if there is such a one."""
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    return [word for word in sys.argv[1:2] if word in known]


if __name__ == "__main__":
    main()
