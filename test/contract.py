"""Write the contract, `docs/openapi.yaml`, as the JSON that the sandbox serves: `python test/contract.py`."""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "docs" / "openapi.yaml"
SERVED = ROOT / "quantcdn" / "sandbox" / "openapi.json"


def as_json() -> str:
    return json.dumps(yaml.safe_load(SOURCE.read_text("utf-8")), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SERVED.write_text(as_json(), "utf-8")
