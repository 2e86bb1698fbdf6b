"""What stages have left: whole, partial, or other than before."""

from pathlib import Path

from pipeline.errors import PmtrecError
from pipeline.integrity import MANIFEST, check_folder

__all__ = ["content_of", "partial_outputs"]


def partial_outputs(root: Path) -> list[str]:
    """Outputs that are neither whole nor absent."""
    found = []
    for manifest in root.rglob(MANIFEST):
        if ".partial" not in str(manifest) and "mlartifacts" not in manifest.parts:
            try:
                check_folder(manifest.parent)
            except PmtrecError as error:
                found.append(str(error))
    return found


def content_of(folder: Path) -> dict[str, bytes]:
    """Relative path -> bytes, of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
