//! What people want to know of a manifest when they look at it.

use provender_domain::File;
use provender_ecosystem::Detail;
use serde_json::Value;

use crate::attribute;
use crate::file_name::{self, Kind};

/// Most platforms that are named; of an index with more, their number.
const PLATFORMS_LIMIT: usize = 16;

/// The types of the configurations of what can be run, which are the types of such manifests.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// The details of a manifest; a blob has none.
pub(crate) fn of(file: &File) -> Vec<(&'static str, Detail)> {
    let Some((Kind::Manifest, _)) = file_name::parse(&file.name) else { return Vec::new() };
    let attributes = &file.attributes;
    let number = |key: &str| attributes.0.get(key).and_then(Value::as_u64);
    let mut details = Vec::new();
    let platforms = attributes.0.get(attribute::PLATFORMS).and_then(Value::as_array);
    if let Some(platforms) = platforms.filter(|platforms| !platforms.is_empty()) {
        details.push(("Platforms", Detail::Text(named(platforms))));
    }
    if let Some(kind) = attributes.text(attribute::ARTIFACT_TYPE) {
        let kind = if IMAGE_CONFIGS.contains(&kind) { "image" } else { kind };
        details.push(("Type", Detail::Text(kind.to_owned())));
    }
    if let Some(layers) = number(attribute::LAYERS) {
        let plural = if layers == 1 { "" } else { "s" };
        details.push(("Layers", Detail::Text(format!("{layers} layer{plural}"))));
    }
    if let Some(bytes) = number(attribute::CONTENT_BYTES) {
        details.push(("Content", Detail::Bytes(bytes)));
    }
    details
}

fn named(platforms: &[Value]) -> String {
    if platforms.len() > PLATFORMS_LIMIT {
        return format!("{} of them", platforms.len());
    }
    let names: Vec<&str> = platforms.iter().filter_map(Value::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
