"""The parts of the studio that need no server: what they compute, remember, refuse and say."""

from __future__ import annotations

import csv
import io
import string
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from facevae.attributes import AGE, GENDER, SMILE, Schema
from facevae.errors import ConfigError, ControlError, DataError
from facevae.generator import FaceGenerator
from facevae.server.jobs import Jobs
from facevae.server.lanes import AbandonedError
from facevae.server.problems import BusyError
from facevae.studio.batch import BatchWish, make_batch
from facevae.studio.breeding import breed, genes_of, with_genes
from facevae.studio.editing import edited, find_subjects
from facevae.studio.gate import ROUTES
from facevae.studio.history import History
from facevae.studio.lineage import Generation, Lineage
from facevae.studio.model import model_card, report_pages
from facevae.studio.own_origin import localised, preferred
from facevae.studio.parameters import Parameters
from facevae.studio.service import Service, TookTooLongError
from facevae.studio.studio import Studio
from facevae.studio.wording import TEXTS, Words

SCHEMA = Schema((AGE, GENDER, SMILE))


@pytest.fixture(scope="module")
def generator() -> FaceGenerator:
    return FaceGenerator.from_pretrained("face64", "cpu")


def test_undo_goes_back_by_gestures_and_not_by_pixels() -> None:
    history = History(0)
    for pixel in range(1, 6):
        history.change(pixel, "age", now=10 + pixel / 100)
    history.change(7, "smile", now=10.1)
    history.change(8, "smile", now=20.0)
    seen = [history.present]
    while history.undo():
        seen.append(history.present)
    assert seen == [8, 7, 5, 0]


def test_a_change_to_the_same_is_no_step() -> None:
    history = History("a")
    history.change("a", "die")
    assert not history.undo()


@pytest.mark.parametrize("guidance", [None, 2.5])
def test_a_link_reads_back_as_what_it_was_made_of(guidance: float | None) -> None:
    asked = Parameters(12, 9, 0.65, guidance, {"age": 61.0, "gender": "female", "smile": 0.35})
    query = dict(pair.split("=") for pair in asked.query("face64")[1:].split("&"))
    assert Parameters.from_query(query, SCHEMA, guidance) == asked


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"seed": "x"}, ConfigError),
        ({"seed": "-1"}, ConfigError),
        ({"seed": "1", "count": "65"}, ConfigError),
        ({"seed": "1", "truncation": "nan"}, ConfigError),
        ({"seed": "1", "age": "inf"}, ConfigError),
        ({"seed": "1", "age": "1000"}, ControlError),
        ({"seed": "1", "gender": "robot"}, ControlError),
    ],
)
def test_a_link_that_cannot_be_is_refused(query: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"in the link|cannot be"):
        Parameters.from_query(query, SCHEMA, None)


def test_a_link_without_a_seed_asks_for_nothing() -> None:
    assert Parameters.from_query({"lang": "zh", "age": "5"}, SCHEMA, None) is None


def test_both_languages_say_everything_with_the_same_places_to_fill() -> None:
    places = string.Formatter().parse
    for key, texts in TEXTS.items():
        english, chinese = ({name for _, name, _, _ in places(text) if name} for text in texts)
        assert english == chinese, key
        assert all(texts), key
    assert Words("zh").control("age") != Words("en").control("age")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de,en;q=0.5,zh;q=0.4", "en"),
        ("fr", None),
        ("", None),
        ("zh;q=x", None),
    ],
)
def test_the_first_page_follows_the_browsers_language(header: str, language: str | None) -> None:
    assert preferred(header) == language


@pytest.mark.parametrize(
    "route", ["/", "/assets/index.js", "/gradio_api/queue/join", "/gradio_api/file=/tmp/a.zip"]
)
def test_what_the_page_needs_is_let_through(route: str) -> None:
    assert ROUTES.fullmatch(route)


@pytest.mark.parametrize(
    "route",
    [
        "/gradio_api/file=https://example.org/a.png",
        "/gradio_api/proxy=https://example.hf.space/x",
        "/gradio_api/vibe-edit/",
        "/gradio_api/component_server",
        "/monitoring/summary",
        "/gradio_api/deep_link",
    ],
)
def test_what_leads_elsewhere_is_not_let_through(route: str) -> None:
    assert not ROUTES.fullmatch(route)


def test_the_page_names_no_other_host_in_its_head() -> None:
    page = b'<html\n\tlang="en"\n><head>\n<meta property="og:image"\n content="https://a.b/c.jpg" />\n</head>'
    made = localised(page, "zh")
    assert b"https:" not in made
    assert b'lang="zh-CN"' in made


def test_a_long_answer_holds_up_no_short_one_and_few_wait(generator: FaceGenerator) -> None:
    service, leave = Service(generator, jobs=Jobs(4, longest_s=60.0)), threading.Event()

    def film() -> bool:
        return leave.wait(10)

    with ThreadPoolExecutor(8) as pool:
        films = [pool.submit(service.compute, film, True)]
        while not service.jobs.workers[1].seconds_left:
            time.sleep(0.001)
        films.append(pool.submit(service.compute, film, True))
        while not service.jobs.long.waiting:
            time.sleep(0.001)
        assert service.compute(lambda: 7) == 7
        with pytest.raises(BusyError, match="there should be room in"):
            service.compute(film, True)
        leave.set()
        assert [one.result() for one in films] == [True, True]
    service.jobs.close()


def test_an_answer_ends_when_its_visitor_has_left(generator: FaceGenerator) -> None:
    service, gone = Service(generator), threading.Event()
    studio = Studio(service, Words("en"))
    steps: list[int] = []

    def film() -> None:
        report = studio.report(lambda done, **_: steps.append(done[0]), "a film")  # type: ignore[arg-type]
        for step in range(10_000):
            report(step, 10_000)
            gone.set()
            time.sleep(0.01)

    with pytest.raises(AbandonedError):
        service.compute(film, True, left=gone.is_set)
    while service.jobs.workers[1].seconds_left:
        time.sleep(0.01)
    assert 0 < len(steps) < 1000
    service.close()


def test_what_waits_or_takes_too_long_is_given_up(generator: FaceGenerator) -> None:
    service, leave = Service(generator, jobs=Jobs(4, longest_s=1.0)), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.compute, lambda: leave.wait(10), True)
        while not service.jobs.workers[1].seconds_left:
            time.sleep(0.001)
        with pytest.raises(BusyError, match="too long"):
            service.compute(lambda: 7, True)
        with pytest.raises(TookTooLongError, match="longer than 1 s"):
            first.result()
        leave.set()
    service.jobs.close()


def test_children_are_decided_by_their_seed_and_lie_between_their_parents(generator: FaceGenerator) -> None:
    parents = generator.sample(2, seed=1).latents
    alone, three = (breed(generator, parents, seeds, 0.3) for seeds in ([5], [4, 5, 6]))
    assert np.allclose(alone[0], three[1], atol=1e-4)
    still = breed(generator, parents, [5, 6], 0.0)
    apart = np.linalg.norm(parents[0] - parents[1])
    assert (np.linalg.norm(still[:, None] - parents[None], axis=2) < apart).all()
    strange = breed(generator, parents, [5, 6], 1.0)
    assert np.linalg.norm(strange - still) > np.linalg.norm(breed(generator, parents, [5, 6], 0.2) - still)


def test_a_gene_raises_its_own_reading_and_holds_the_others(generator: FaceGenerator) -> None:
    assert generator.reader is not None
    latent, genes = generator.sample(1, seed=2).latents[0], genes_of(generator)
    names = [gene.name for gene in genes]
    assert {"age", "gender:female", "smile"} <= set(names)
    assert "gender:male" not in names
    amounts = [2.0 if name == "age" else 0.0 for name in names]
    moved = with_genes(latent, genes, amounts)
    before, after = generator.reader.values(torch.from_numpy(np.stack([latent, moved])))
    change = (after - before).abs() / (generator.reader.weights * generator.reader.spread).sum(dim=1).sqrt()
    assert change[0] == pytest.approx(2.0, abs=0.01)
    assert change[1:].max() < 0.01


def test_a_face_that_is_not_changed_is_the_photo(generator: FaceGenerator, astronaut: np.ndarray) -> None:
    subject = find_subjects(generator, astronaut)[0]
    assert np.array_equal(edited(generator, subject, subject.shown).edited, subject.found.aligned)
    older = edited(generator, subject, {**subject.shown, "age": 80.0})
    assert older.asked["age"] == 80.0
    assert not np.array_equal(older.edited, subject.found.aligned)


def test_the_meter_tells_the_same_picture_from_a_stranger(generator: FaceGenerator) -> None:
    meter, faces = Service(generator).meter, generator.sample(2, seed=8).photos
    same, stranger = meter.kept(faces[0], faces[0]), meter.kept(*faces)
    assert same == pytest.approx(1.0)
    assert stranger is not None
    assert stranger < 0.6


def test_a_batch_takes_turns_and_is_the_same_again(generator: FaceGenerator) -> None:
    wish = BatchWish(
        6, 3, {"age": (20.0, 30.0)}, {"gender": ["female", "male"], "expression": []}, check=False
    )
    batch = make_batch(generator, wish)
    assert [own["gender"] for own in batch.controls] == ["female", "male"] * 3
    assert all(20 <= float(own["age"] or 0) <= 30 for own in batch.controls)
    data = batch.zipped("face64", wish.truncation)
    assert data == make_batch(generator, wish).zipped("face64", wish.truncation)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("faces/metadata.csv").decode())))
        assert len(archive.namelist()) == 6 + 2
    assert [int(row["seed"]) for row in rows] == list(range(3, 9))


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_of_an_impossible_size_is_refused(generator: FaceGenerator, count: int) -> None:
    with pytest.raises(ConfigError, match="1 to 500"):
        make_batch(generator, BatchWish(count, 0, {}, {}))


def test_a_lineage_goes_back_and_branches() -> None:
    latents, photos = np.zeros((3, 4), np.float32), np.zeros((3, 8, 8, 3), np.uint8)
    lineage = Lineage()
    lineage.add(Generation(latents, photos, None, (), {"kind": "new"}))
    lineage.pick(0, 2)
    lineage.pick(2, 2)
    assert lineage.here.chosen == (0, 2)
    lineage.add(Generation(latents, photos, 0, (0, 2), {"kind": "bred"}))
    assert lineage.path() == [0, 1]
    lineage.go(0)
    lineage.add(Generation(latents, photos, 0, (1, 2), {"kind": "bred"}))
    assert lineage.path() == [0, 2]
    lineage.place.undo()
    assert lineage.path() == [0]
    lineage.go(99)
    assert lineage.here.at == 0


def test_reports_are_found_in_a_run_and_no_farther(tmp_path: Path) -> None:
    for name in ("run/model/config.json", "run/run.html", "run/report/report.html", "other/report.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert set(report_pages(tmp_path / "run" / "model")) == {"run.html", "report/report.html"}


def test_a_card_is_shown_without_its_front_matter(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: x\n---\n# name\n")
    assert model_card(tmp_path) == "# name\n"
    assert model_card(None) == ""


def test_an_upload_that_is_no_photo_is_refused_by_the_guard(generator: FaceGenerator) -> None:
    with pytest.raises(DataError):
        Service(generator).photo(b"GIF89a nothing")
