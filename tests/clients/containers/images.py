"""Makes images by hand, as OCI image layouts (image-spec, image-layout.md).

    images.py image LAYOUT TAG [LAYERS [BYTES]]   an image of LAYERS layers of about BYTES each
    images.py multi LAYOUT TAG                    an index of two platforms
    images.py types LAYOUT                        a tag for each media type there is
    images.py large LAYOUT TAG FILE               an image whose one layer is FILE

The same arguments give the same bytes. Prints each tag with its digest.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"
EMPTY = "application/vnd.oci.empty.v1+json"


def digest_of(file):
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


class Layout:
    """A folder that holds blobs by digest, and tags."""

    def __init__(self, folder):
        self.folder = folder
        self.blobs = os.path.join(folder, "blobs", "sha256")
        os.makedirs(self.blobs, exist_ok=True)
        with open(os.path.join(folder, "oci-layout"), "w") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        self.index = os.path.join(folder, "index.json")
        if not os.path.exists(self.index):
            self.write([])

    def write(self, manifests):
        with open(self.index, "w") as file:
            json.dump({"schemaVersion": 2, "manifests": manifests}, file)

    def blob(self, media_type, data, **more):
        """Keeps bytes, and gives their descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.blobs, digest), "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    def file(self, media_type, path):
        """Moves a file in, which may be large."""
        with open(path, "rb") as file:
            digest = digest_of(file)
        size = os.path.getsize(path)
        shutil.move(path, os.path.join(self.blobs, digest))
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}

    def document(self, media_type, document, **more):
        """Keeps JSON, indented, so that a server that writes it anew is found out."""
        return self.blob(media_type, json.dumps(document, indent=3).encode(), **more)

    def tag(self, name, descriptor):
        with open(self.index) as file:
            manifests = json.load(file)["manifests"]
        named = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": name}}
        self.write(manifests + [named])
        print(name, descriptor["digest"])


def layer(text, size=0):
    """The bytes of a tar with one file, and the same compressed; `size` bytes do not compress."""
    seed = text.encode()
    noise = b"".join(
        hashlib.sha256(seed + at.to_bytes(8, "big")).digest() for at in range(size // 32)
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(f"files/{hashlib.sha256(seed).hexdigest()[:12]}")
        content = seed + b"\n" + noise
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    plain = packed.getvalue()
    return plain, gzip.compress(plain, compresslevel=1, mtime=0)


def config(plains, architecture="amd64"):
    return {
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": ["/files"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}" for plain in plains],
        },
    }


def image(layout, text, layers=2, size=1000, architecture="amd64", kind=OCI):
    """An image manifest of OCI's or of Docker's types."""
    made = [layer(f"{text} {number}", size) for number in range(layers)]
    if kind == OCI:
        types = [f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar+gzip"]
    else:
        types = [
            f"{DOCKER}.distribution.manifest.v2+json",
            f"{DOCKER}.container.image.v1+json",
            f"{DOCKER}.image.rootfs.diff.tar.gzip",
        ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": layout.document(types[1], config([plain for plain, _ in made], architecture)),
        "layers": [layout.blob(types[2], packed) for _, packed in made],
    }
    return layout.document(types[0], manifest)


def index(layout, text, kind=OCI):
    manifests = []
    for architecture in ("amd64", "arm64"):
        one = image(layout, f"{text} {architecture}", architecture=architecture, kind=kind)
        platform = {"architecture": architecture, "os": "linux"}
        manifests.append({**one, "platform": platform})
    oci = kind == OCI
    media_type = f"{OCI}.index.v1+json" if oci else f"{DOCKER}.distribution.manifest.list.v2+json"
    listed = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
    return layout.document(media_type, listed)


def manifest(layout, config_type, config_data, layers, **more):
    """An OCI manifest of any types."""
    media_type = f"{OCI}.manifest.v1+json"
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": layout.blob(config_type, config_data),
        "layers": layers,
        **more,
    }
    return layout.document(media_type, document)


def types(layout):
    plain, packed = layer("of every type")
    image_config = json.dumps(config([plain])).encode()
    empty = layout.blob(EMPTY, b"{}")
    # Zstandard (RFC 8878): one raw block, the last one, in a frame of one segment.
    size = len(plain)
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + size.to_bytes(4, "little")
    zstandard = frame + ((size << 3) | 1).to_bytes(3, "little") + plain
    # Layers that stand elsewhere: never pushed, and never asked for.
    elsewhere = {
        "digest": f"sha256:{'0' * 64}",
        "size": 5,
        "urls": ["http://upstream.example/layer"],
    }
    layout.tag("docker-manifest", image(layout, "docker", kind=DOCKER))
    layout.tag("docker-list", index(layout, "docker", kind=DOCKER))
    layout.tag("oci-manifest", image(layout, "oci"))
    layout.tag("oci-index", index(layout, "oci"))
    layers = {
        "tar": layout.blob(f"{OCI}.layer.v1.tar", plain),
        "zstd": layout.blob(f"{OCI}.layer.v1.tar+zstd", zstandard),
        "nondistributable": {
            "mediaType": f"{OCI}.layer.nondistributable.v1.tar+gzip",
            **elsewhere,
        },
    }
    for name, one in layers.items():
        made = manifest(layout, f"{OCI}.config.v1+json", image_config, [one])
        layout.tag(f"layer-{name}", made)
    foreign = {"mediaType": f"{DOCKER}.image.rootfs.foreign.diff.tar.gzip", **elsewhere}
    media_type = f"{DOCKER}.distribution.manifest.v2+json"
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": layout.blob(f"{DOCKER}.container.image.v1+json", image_config),
        "layers": [foreign, layout.blob(f"{DOCKER}.image.rootfs.diff.tar.gzip", packed)],
    }
    layout.tag("docker-foreign", layout.document(media_type, document))
    sheet = layout.blob("text/csv", b"one,two\n")
    layout.tag(
        "artifact-empty-config",
        manifest(layout, EMPTY, b"{}", [sheet], artifactType="application/vnd.acme.sheet"),
    )
    layout.tag(
        "artifact-no-content",
        manifest(layout, EMPTY, b"{}", [empty], artifactType="application/vnd.acme.mark+json"),
    )
    layout.tag(
        "artifact-config-type",
        manifest(layout, "application/vnd.acme.model.config+json", b'{"a": 1}', [sheet]),
    )
    layout.tag("artifact-data-field", with_data(layout))
    more = {"x-acme": {"kept": True}, "annotations": {"acme.example/a": "b"}}
    made = manifest(layout, f"{OCI}.config.v1+json", image_config, [sheet], **more)
    layout.tag("unknown-fields", made)
    listed = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.index.v1+json",
        "artifactType": "application/vnd.acme.collection",
        "manifests": [index(layout, "nested"), made],
    }
    layout.tag("nested-index", layout.document(f"{OCI}.index.v1+json", listed))


def with_data(layout):
    """A manifest whose empty config stands in the manifest itself."""
    sheet = layout.blob("text/csv", b"three,four\n")
    media_type = f"{OCI}.manifest.v1+json"
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "artifactType": "application/vnd.acme.inline",
        "config": {**layout.blob(EMPTY, b"{}"), "data": "e30="},
        "layers": [sheet],
    }
    return layout.document(media_type, document)


def large(layout, path):
    one = layout.file("application/vnd.acme.large", path)
    return manifest(layout, EMPTY, b"{}", [one], artifactType="application/vnd.acme.large")


def main():
    what, folder, *rest = sys.argv[1:]
    layout = Layout(folder)
    if what == "types":
        types(layout)
    elif what == "multi":
        layout.tag(rest[0], index(layout, rest[0]))
    elif what == "large":
        layout.tag(rest[0], large(layout, rest[1]))
    else:
        layout.tag(rest[0], image(layout, rest[0], *map(int, rest[1:])))


if __name__ == "__main__":
    main()
