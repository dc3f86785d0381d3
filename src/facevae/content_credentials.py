"""Content Credentials (C2PA): a picture's provenance, signed with the user's own key, and what such a
signature is worth. Needs the extra 'c2pa', which reads and writes them by the C2PA group's own library.

Nothing is fetched: no time stamp, no revocation list and no manifest that lies elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from facevae import __version__
from facevae.errors import ConfigError, DataError, require
from facevae.files import atomic_file
from facevae.provenance import DIGITAL_SOURCE_TYPE, SOURCE, read_provenance
from facevae.regular_files import MOST_TEXT_BYTES, open_regular, read_regular

MEDIA_TYPES = {
    ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".gif": "image/gif", ".mp4": "video/mp4",
}  # fmt: skip
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
           "builder": {"thumbnail": {"enabled": False}}}  # fmt: skip
PREFIX = "facevae."
"""Of the parameters that are facevae's own in a manifest's action."""

TRUSTED, UNTRUSTED, TAMPERED = "trusted", "not trusted", "tampered"


class Manifest(NamedTuple):
    """What the active manifest of a picture says."""

    state: str
    """TRUSTED: unchanged since, by a key of the anchors given; UNTRUSTED: unchanged since, by a key that
    nobody vouches for here; TAMPERED: the picture or its manifest was changed after it was signed."""
    signer: str
    """Name in the certificate, and who issued it. Worth nothing unless the state is TRUSTED."""
    digital_source_type: str | None
    facts: dict[str, Any]
    problems: list[str]
    """Codes of the C2PA specification for what is wrong."""


def sign_picture(path: Path, out: Path, certificates: Path, key: Path) -> None:
    """Write a copy of a picture or film that facevae made to `out`, with a signed manifest of its provenance.

    certificates: PEM, the signer's own first, then those that issued it, without the root. key: PEM, of EC
    (P-256, P-384, P-521), Ed25519 or RSA. `out` may be `path` itself. Raises DataError for a picture that
    facevae did not make, ConfigError for a key or certificate that cannot be used, MissingExtraError without
    the extra.
    """
    c2pa = require("c2pa", "c2pa", "signing a picture")
    media_type = _media_type(path)
    facts = read_provenance(path)
    if SOURCE not in facts or len(facts) < 2:
        raise DataError(f"{path} does not say that facevae made it: there is nothing to sign.")
    info = c2pa.C2paSignerInfo(_algorithm(c2pa, key), _pem(certificates), _pem(key), None)
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Context.from_dict(OFFLINE) as context,
            c2pa.Builder(json.dumps(_manifest(path.name, facts)), context) as builder,
            atomic_file(out) as temporary,
            open_regular(path, None) as source,
            temporary.open("w+b") as target,
        ):
            builder.sign(signer, media_type, source, target)
    except c2pa.C2paError as error:
        raise ConfigError(
            f"cannot sign {path} with {key.name} and {certificates.name}: {error}. The certificate must be "
            "for that key, issued by another one, and made for signing (docs/provenance.md shows how)."
        ) from error


def read_manifest(path: Path, anchors: Path | None = None) -> Manifest | None:
    """The active manifest of a picture or film; None for one without.

    anchors: PEM of the root certificates that are trusted, in place of those that the library knows. Raises
    DataError for a manifest that cannot be read at all, MissingExtraError without the extra.
    """
    c2pa = require("c2pa", "c2pa", "reading Content Credentials")
    trust = {} if anchors is None else {"trust": {"trust_anchors": _pem(anchors).decode()}}
    try:
        with (
            open_regular(path, None) as file,
            c2pa.Context.from_dict(OFFLINE | trust) as context,
            c2pa.Reader(_media_type(path), file, context=context) as reader,
        ):
            store = json.loads(reader.json())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise DataError(f"the Content Credentials of {path} cannot be read: {error}") from error
    return _understood(store)


def _understood(store: dict[str, Any]) -> Manifest:
    manifest = store["manifests"][store["active_manifest"]]
    state = {"Trusted": TRUSTED, "Valid": UNTRUSTED}.get(store.get("validation_state", ""), TAMPERED)
    problems = [status["code"] for status in store.get("validation_status", ())]
    signature = manifest.get("signature_info", {})
    names = [signature.get("common_name"), signature.get("issuer")]
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
        if action["action"] == "c2pa.created"
    ]
    made = actions[0] if actions else {}
    facts = {
        name.removeprefix(PREFIX): value
        for name, value in made.get("parameters", {}).items()
        if name.startswith(PREFIX)
    }
    source = made.get("digitalSourceType")
    return Manifest(state, ", ".join(filter(None, names)) or "unnamed", source, facts, problems)


def _manifest(title: str, facts: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in facts.items() if name != SOURCE}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": facts.get(SOURCE, DIGITAL_SOURCE_TYPE),
        "softwareAgent": {"name": "facevae", "version": facts.get("facevae_version", __version__)},
        "parameters": {PREFIX + name: value for name, value in own.items()},
    }
    return {
        "claim_generator_info": [{"name": "facevae", "version": __version__}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}, "created": True}],
    }


def _algorithm(c2pa: Any, key: Path) -> Any:
    """The signature that goes with a private key."""
    serialization = require("cryptography.hazmat.primitives.serialization", "c2pa", "signing a picture")
    try:
        private = serialization.load_pem_private_key(_pem(key), None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{key} is no private key in PEM without a password: {error}") from error
    algorithms = c2pa.C2paSigningAlg
    curve = getattr(getattr(private, "curve", None), "name", type(private).__name__)
    known = {
        "secp256r1": algorithms.ES256, "secp384r1": algorithms.ES384, "secp521r1": algorithms.ES512,
        "Ed25519PrivateKey": algorithms.ED25519, "RSAPrivateKey": algorithms.PS256,
    }  # fmt: skip
    kind = next((value for name, value in known.items() if name in curve), None)
    if kind is None:
        raise ConfigError(f"{key} is a key of kind {curve}; expected EC P-256, P-384, P-521, Ed25519 or RSA.")
    return kind


def _media_type(path: Path) -> str:
    kind = MEDIA_TYPES.get(path.suffix.lower())
    if kind is None:
        raise DataError(f"{path.name} is no picture that facevae writes: expected {', '.join(MEDIA_TYPES)}.")
    return kind


def _pem(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_TEXT_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
