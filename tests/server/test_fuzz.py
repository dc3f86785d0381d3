"""What nobody would send on purpose: every operation of the description, and files that are no photos."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

from facevae.generator import FaceGenerator
from facevae.server import ServerConfig, create_app
from tests.conftest import script

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:schemathesis.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema.*"),
]


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    """scripts/fuzz_uploads.py as a module."""
    return script("fuzz_uploads")


def test_malformed_uploads_are_refused_and_harm_nothing(service: TestClient, fuzz: ModuleType) -> None:
    statuses = []
    for index, (name, data) in enumerate(fuzz.malformed(66)):
        path, sent = fuzz.request_of(index, data)
        answer = service.post(path, **sent)
        statuses.append(answer.status_code)
        well = answer.status_code == 200 and path == "/v1/stylize"  # odd pictures can be drawn all the same
        assert well or answer.status_code in (413, 415, 422), (name, path, answer.text)
        if not well:
            assert answer.json()["detail"], name
    assert {415, 422} <= set(statuses)
    assert service.get("/v1/ready").status_code == 200


@pytest.mark.parametrize(
    ("phases", "paths"),
    [
        (("examples", "fuzzing"), "."),
        # Every bound of every field, one step on either side; of two operations, for the others take minutes.
        (("coverage",), "decode|encode|health|metrics|models|ready"),
    ],
)
def test_every_operation_keeps_its_description(
    tiny: FaceGenerator, phases: tuple[str, ...], paths: str
) -> None:
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    config = SchemathesisConfig.from_path(Path(__file__).with_name("schemathesis.toml"))
    for name in ("examples", "coverage", "fuzzing"):
        getattr(config.projects.default.phases, name).enabled = name in phases
    app = create_app(tiny, ServerConfig(studio=False))
    document = app.openapi()
    chosen = {path: methods for path, methods in document["paths"].items() if re.search(paths, path)}
    schema = schemathesis.openapi.from_dict({**document, "paths": chosen}, config=config)
    schema.app = app
    statuses, faults = Counter[int](), []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            statuses.update(one.response.status_code for one in event.recorder.interactions.values())
            faults += [
                f"{event.recorder.label}, {check.name}: {check.failure_info.failure.message}\n"
                f"{check.failure_info.code_sample}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info
            ]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            faults.append(repr(event))
    assert not faults, "\n".join(faults)
    assert statuses[200] > 5, statuses
    assert statuses[422] > 5, statuses
