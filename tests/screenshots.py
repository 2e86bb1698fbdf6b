"""The pictures of the docs that show a browser: made anew from a project in which `dvc repro` has run.

python -m tests.screenshots PROJECT
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.sources import ROOT
from tests.web import free_port, picture, serving

IMAGES = ROOT / "docs/images"

PAGE = {
    "page-user": ("#user=user-0007", "1400,1080"),
    "page-board": ("#board", "1400,330"),
    "page-item": ("#item=item-0001", "1400,520"),
}


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    project = parser.parse_args().project.resolve()
    with tempfile.TemporaryDirectory() as profile:
        place = Path(profile)
        port = free_port()
        with serving(["pipeline.commands.main", "app", "--port", str(port)], project, port, "/api/models"):
            for name, (address, size) in PAGE.items():
                picture(f"http://127.0.0.1:{port}/{address}", place / name, IMAGES / f"{name}.png", size)
        port = free_port()
        with serving(["pipeline.commands.main", "ui", "--port", str(port)], project, port):
            links = (project / f"server-{port}.log").read_text().split()
            runs = next(word for word in links if "workflowType" in word)
            model = f"http://127.0.0.1:{port}/#/models/pmtrec-demo/versions/1?workflowType=machine_learning"
            for name, address, size in (("mlflow-runs", runs, "1750,760"), ("mlflow-model", model, "1500,1000")):
                picture(address, place / name, IMAGES / f"{name}.png", size)
        picture((project / "reports/report.html").as_uri(), place / "report", IMAGES / "report.png", "1250,1500")
    shutil.copy(project / "reports/validation.png", IMAGES)


if __name__ == "__main__":
    main()
