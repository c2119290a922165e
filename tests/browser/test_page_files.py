"""What the page's tests publish is what the daemon would publish."""

import json
from pathlib import Path

import jsonschema
import pytest

import jobmon
from browser import page_files

SCHEMAS = Path(jobmon.__file__).parent / "live" / "schema"


@pytest.mark.parametrize("name", page_files.documents(1_700_000_010))
def test_every_file_fits_its_schema(name: str) -> None:
    kind = {"series": "chunk", "recent": "chunk"}.get(name.split("/")[1], name.split("/")[1])
    schema = json.loads((SCHEMAS / f"{kind}.schema.json").read_text())
    jsonschema.validate(page_files.documents(1_700_000_010)[name], schema)
