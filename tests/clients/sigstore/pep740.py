"""Makes or reads attestations of PEP 740 with pypi-attestations' library.

pep740.py TRUST_CONFIG TOKEN_FILE DISTRIBUTION
    writes DISTRIBUTION.publish.attestation
pep740.py --provenance PROVENANCE_FILE DISTRIBUTION
    reads what a registry serves, and fails unless an attestation in it is about the file
"""

import json
import sys
from pathlib import Path

from pypi_attestations import Attestation, Distribution
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext


def make(trust: Path, token: Path, file: Path) -> None:
    context = SigningContext.from_trust_config(ClientTrustConfig.from_json(trust.read_text()))
    with context.signer(IdentityToken(token.read_text().strip())) as signer:
        attestation = Attestation.sign(signer, Distribution.from_file(file))
    Path(f"{file}.publish.attestation").write_text(attestation.model_dump_json())


def read(provenance: Path, file: Path) -> None:
    # Not as the library's `Provenance`, which knows the publishers of the public registry alone.
    served = json.loads(provenance.read_bytes())
    digest = Distribution.from_file(file).digest
    for bundle in served["attestation_bundles"]:
        for attestation in map(Attestation.model_validate, bundle["attestations"]):
            subjects = attestation.statement["subject"]
            if any(subject["digest"].get("sha256") == digest for subject in subjects):
                return
    sys.exit("no attestation is about the file")


if sys.argv[1] == "--provenance":
    read(Path(sys.argv[2]), Path(sys.argv[3]))
else:
    make(*map(Path, sys.argv[1:]))
