//! Containers on the one path: what is pushed, mirrored, signed, taken away and collected.

mod access;
mod beside_collection;
mod faults;
mod image;
mod manifests;
mod mirror;
mod mounts;
mod orphans;
mod private_first;
mod publishers;
mod removal;
mod shelf;
mod signatures;
mod tagged_signatures;
mod tags;
mod uploads;
mod upstream;

use image::index_of;
use shelf::Shelf;

pub(crate) use image::{Image, digest};
pub(crate) use upstream::ImageUpstream;
