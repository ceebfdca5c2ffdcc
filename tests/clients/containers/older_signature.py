"""Signs an image as cosign did before there were bundles, as an OCI image layout to be pushed under
the image's tag for signatures (cosign's "Signature Specification").

    older_signature.py SERVER TOKEN_FILE TRUSTED_ROOT IMAGE_DIGEST LAYOUT ROOT

The certificate is the server's, for the identity token in the file. The log is one of the old kind,
made up here: it promises, and ROOT is the trusted root with it among the logs.
"""

import base64
import hashlib
import json
import subprocess
import sys
import time
import urllib.request

from images import OCI, Layout

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def openssl(*arguments, data=b""):
    command = ["openssl", *arguments]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def new_key(name):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name)
    return name


def signature(key, message):
    return openssl("dgst", "-sha256", "-sign", key, data=message)


def text(data):
    return base64.b64encode(data).decode()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def certificate(server, token, key):
    """The chain of a new certificate for this key, PEM, the leaf first."""
    request = openssl("req", "-new", "-key", key, "-subj", "/CN=any")
    body = {"credentials": {"oidcIdentityToken": token}, "certificateSigningRequest": text(request)}
    url, headers = f"{server}/-/ca/api/v2/signingCert", {"Content-Type": "application/json"}
    call = urllib.request.Request(url, json.dumps(body).encode(), headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(call) as answer:
        (issued,) = json.load(answer).values()
    return issued["chain"]["certificates"]


def annotations(leaf, chain, signed, key, log, log_id):
    made = text(signature(key, signed))
    entry = {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(signed).hexdigest()}},
            "signature": {"content": made, "publicKey": {"content": text(leaf.encode())}},
        },
    }
    promised = {
        "body": text(compact(entry)),
        "integratedTime": int(time.time()),
        "logID": log_id.hex(),
        "logIndex": 7,
    }
    promise = text(signature(log, compact(promised)))
    return {
        "dev.cosignproject.cosign/signature": made,
        "dev.sigstore.cosign/certificate": leaf,
        "dev.sigstore.cosign/chain": "".join(chain),
        "dev.sigstore.cosign/bundle": json.dumps(
            {"SignedEntryTimestamp": promise, "Payload": promised}
        ),
    }


def main(server, token_file, trusted_root, image, layout, root):
    key, log = new_key("signer.pem"), new_key("log.pem")
    with open(token_file) as file:
        leaf, *chain = certificate(server, file.read().strip(), key)
    log_key = openssl("pkey", "-in", log, "-pubout", "-outform", "DER")
    log_id = hashlib.sha256(log_key).digest()
    critical = {
        "identity": {"docker-reference": "registry.example/older/app"},
        "image": {"docker-manifest-digest": image},
        "type": "cosign container image signature",
    }
    signed = compact({"critical": critical, "optional": None})
    made = Layout(layout)
    layer = made.blob(SIMPLE_SIGNING, signed)
    layer["annotations"] = annotations(leaf, chain, signed, key, log, log_id)
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = {"architecture": "", "os": "", "rootfs": rootfs, "config": {}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": made.document(f"{OCI}.config.v1+json", config),
        "layers": [layer],
    }
    made.tag("signature", made.document(f"{OCI}.manifest.v1+json", manifest))
    with open(trusted_root) as file:
        trusted = json.load(file)
    trusted["tlogs"].append(
        {
            "baseUrl": "https://log.upstream.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": text(log_key),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": text(log_id)},
        }
    )
    with open(root, "w") as file:
        json.dump(trusted, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
