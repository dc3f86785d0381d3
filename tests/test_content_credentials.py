"""Content Credentials: what facevae signs, others can check; what was changed after it is told."""

from __future__ import annotations

import datetime
import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from facevae import ConfigError, DataError
from facevae.cli_inspect import inspect, sign
from facevae.morph import write_film
from facevae.provenance import (
    DIGITAL_SOURCE_TYPE,
    EDITED,
    jpeg_bytes,
    png_bytes,
    read_provenance,
    webp_bytes,
)

pytest.importorskip("c2pa")
pytest.importorskip("cryptography")
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facevae.content_credentials import TAMPERED, TRUSTED, UNTRUSTED, read_manifest, sign_picture

FACTS: dict[str, Any] = {"model": "face64", "seed": 7, "controls": {"age": 60, "expression": "happy"}}


class Identity(NamedTuple):
    certificates: Path
    key: Path
    root: Path


def certificate(name: str, key: Any, issuer: str, issuer_key: Any, authority: bool) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{text} Ltd"),
                x509.NameAttribute(NameOID.COMMON_NAME, text),
            ]
        )

    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not authority:
        made = made.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return made.sign(issuer_key, algorithm)


def make_identity(folder: Path, key: Any) -> Identity:
    """A signer's certificate for `key`, issued by a root made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = certificate("Test Root", root_key, "Test Root", root_key, True)
    own = certificate("Test Signer", key, "Test Root", root_key, False)
    identity = Identity(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    pem = serialization.Encoding.PEM
    identity.certificates.write_bytes(own.public_bytes(pem))
    identity.root.write_bytes(root.public_bytes(pem))
    identity.key.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return identity


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("keys"), ec.generate_private_key(ec.SECP256R1()))


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)


WRITERS = {"png": png_bytes, "webp": webp_bytes, "jpg": jpeg_bytes}


def written(path: Path, **facts: Any) -> Path:
    kind = path.suffix[1:]
    if kind in WRITERS:
        path.write_bytes(WRITERS[kind](picture(), **facts))
    else:
        write_film(path, np.stack([picture(), picture(1)]), **facts)
    return path


@pytest.mark.parametrize("kind", [*WRITERS, "gif", "mp4"])
def test_a_signed_picture_says_the_same_under_signature(
    identity: Identity, tmp_path: Path, kind: str
) -> None:
    path, out = written(tmp_path / f"face.{kind}", **FACTS), tmp_path / "signed" / f"face.{kind}"
    assert read_manifest(path) is None
    sign_picture(path, out, identity.certificates, identity.key)
    told = read_manifest(out, identity.root)
    assert told is not None
    assert (told.state, told.problems) == (TRUSTED, [])
    assert told.digital_source_type == DIGITAL_SOURCE_TYPE
    assert {name: told.facts[name] for name in FACTS} == FACTS
    assert "Test Signer" in told.signer
    assert read_provenance(out) == read_provenance(path)
    if kind != "mp4":
        with Image.open(out) as signed, Image.open(path) as plain:
            assert np.array_equal(np.asarray(signed), np.asarray(plain))


def test_a_key_that_nobody_vouches_for_is_told_from_a_trusted_one(identity: Identity, tmp_path: Path) -> None:
    path = written(tmp_path / "face.png", **FACTS)
    sign_picture(path, path, identity.certificates, identity.key)
    other = make_identity(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    for anchors in (None, other.root):
        told = read_manifest(path, anchors)
        assert told is not None
        assert told.state == UNTRUSTED
        assert "signingCredential.untrusted" in told.problems


def change_pixels(path: Path) -> None:
    """Another picture under the same notes, which every viewer opens."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        start = data.index(b"IDAT")
        size = int.from_bytes(data[start - 4 : start], "big")
        rows = bytearray(zlib.decompress(data[start + 4 : start + 4 + size]))
        rows[100] ^= 1
        packed = b"IDAT" + zlib.compress(rows)
        checked = packed + zlib.crc32(packed).to_bytes(4, "big")
        data[start - 4 : start + 8 + size] = (len(packed) - 4).to_bytes(4, "big") + checked
    else:
        data[data.index(b"VP8 ") + 300 if path.suffix == ".webp" else -40] ^= 1
    path.write_bytes(data)
    with Image.open(path) as image:
        image.load()


@pytest.mark.parametrize("kind", WRITERS)
def test_changed_pixels_are_told(identity: Identity, tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"face.{kind}", **FACTS)
    sign_picture(path, path, identity.certificates, identity.key)
    change_pixels(path)
    told = read_manifest(path, identity.root)
    assert told is not None
    assert told.state == TAMPERED
    assert any("mismatch" in code for code in told.problems)


def test_a_changed_claim_is_told(identity: Identity, tmp_path: Path) -> None:
    path = written(tmp_path / "face.webp", **FACTS)
    sign_picture(path, path, identity.certificates, identity.key)
    data = path.read_bytes()
    where = data.index(b"facevae.model") + len(b"facevae.model") + 1
    assert data[where : where + 6] == b"face64"
    path.write_bytes(data[:where] + b"face65" + data[where + 6 :])
    told = read_manifest(path, identity.root)
    assert told is not None
    assert told.state == TAMPERED


@pytest.mark.parametrize("make", [
    lambda: ec.generate_private_key(ec.SECP384R1()),
    lambda: ec.generate_private_key(ec.SECP521R1()),
    lambda: rsa.generate_private_key(65537, 2048),
    ed25519.Ed25519PrivateKey.generate,
])  # fmt: skip
def test_the_users_key_may_be_of_any_usual_kind(tmp_path: Path, make: Any) -> None:
    identity = make_identity(tmp_path / "keys", make())
    path = written(tmp_path / "face.png", **EDITED, model="face64")
    sign_picture(path, path, identity.certificates, identity.key)
    told = read_manifest(path, identity.root)
    assert told is not None
    assert (told.state, told.digital_source_type) == (TRUSTED, EDITED["digital_source_type"])


def test_only_what_facevae_made_is_signed_and_only_with_a_fitting_key(
    identity: Identity, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    Image.fromarray(picture()).save(photo)
    with pytest.raises(DataError, match="nothing to sign"):
        sign_picture(photo, tmp_path / "out.jpg", identity.certificates, identity.key)
    face = written(tmp_path / "face.png", **FACTS)
    other = make_identity(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigError, match="cannot sign"):
        sign_picture(face, tmp_path / "out.png", identity.certificates, other.key)
    with pytest.raises(ConfigError, match="no private key"):
        sign_picture(face, tmp_path / "out.png", identity.certificates, identity.certificates)
    assert not list(tmp_path.glob("*out*"))


def test_the_commands_sign_and_tell(identity: Identity, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(inspect)
    app.command()(sign)
    run = CliRunner()
    path = written(tmp_path / "face.png", **FACTS)
    keys = {"FACEVAE_C2PA_CERT": str(identity.certificates), "FACEVAE_C2PA_KEY": str(identity.key)}
    done = run.invoke(app, ["sign", str(path), "--out", str(tmp_path / "signed")], env=keys)
    assert done.exit_code == 0, done.output
    signed = tmp_path / "signed" / "face.png"
    told = run.invoke(app, ["inspect", str(signed), "--trust", str(identity.root), "--json"])
    assert (told.exit_code, json.loads(told.stdout)["credentials"]["state"]) == (0, TRUSTED)
    assert "not trusted" in run.invoke(app, ["inspect", str(signed)]).stdout
    change_pixels(signed)
    told = run.invoke(app, ["inspect", str(signed)])
    assert told.exit_code == 1
    assert "CHANGED" in told.stdout
