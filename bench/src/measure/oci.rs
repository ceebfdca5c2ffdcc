//! The measurements of a registry of images, beside Debian's.

mod blob;
mod lists;
mod manifests;
mod memory;
mod mirror_tag;
mod push;
mod shared;
mod skopeo;
mod tiny;

use super::Measurement;

/// Those of images, the quick ones first.
pub(super) const ALL: &[Measurement] = &[
    Measurement {
        name: "oci-manifests",
        title: "manifests by tag and by digest, 32 connections",
        run: manifests::run,
    },
    Measurement {
        name: "oci-mirror-tag",
        title: "a mirrored tag, 32 connections",
        run: mirror_tag::run,
    },
    Measurement {
        name: "oci-blob",
        title: "a blob of 20 MB, 4 and 32 connections",
        run: blob::run,
    },
    Measurement {
        name: "oci-tiny",
        title: "pushing 100 tiny images, one and 4 at a time",
        run: tiny::run,
    },
    Measurement {
        name: "oci-shared",
        title: "pushing 100 images that share all layers but one",
        run: shared::run,
    },
    Measurement {
        name: "oci-push",
        title: "pushing 10 layers of 20 MB, 1 and 4 connections",
        run: push::run,
    },
    Measurement {
        name: "oci-skopeo",
        title: "the same pushed and pulled by skopeo, beside its own copy",
        run: skopeo::run,
    },
    Measurement {
        name: "oci-lists",
        title: "first byte of 10,000 tags, a catalogue and 1,000 referrers",
        run: lists::run,
    },
    Measurement {
        name: "oci-memory",
        title: "peak memory while 8 clients push layers of 1 GB",
        run: memory::run,
    },
];
