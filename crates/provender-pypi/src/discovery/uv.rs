//! uv's files of settings (its reference, "Settings"): `uv.toml`, and `[tool.uv]` of a
//! `pyproject.toml`.

use provender_ecosystem::Named;

use super::limited;
use super::toml::{self, Table, Value};

/// The indexes that `uv pip install` takes from one file: `[[index]]` and the older
/// `extra-index-url` and `index-url`, those of the table `pip` first. What uv would not read says
/// that no default is to be guessed.
pub(super) fn settings(text: &str) -> Vec<Named> {
    let Ok(file) = toml::parse(text) else { return vec![Named::NoDefault] };
    let settings = file.table("tool").and_then(|tool| tool.table("uv")).unwrap_or(&file);
    let tables: Vec<&Table> = settings.table("pip").into_iter().chain([settings]).collect();
    if tables.iter().any(|table| table.is_true("no-index")) {
        return vec![Named::NoDefault];
    }
    let of_tables = tables.iter().flat_map(|table| table.list("index"));
    let indexes = of_tables.filter_map(index).flatten();
    let extra = tables.iter().flat_map(|table| table.list("extra-index-url"));
    let extra = extra.filter_map(|value| match value {
        Value::Text(url) => Some(Named::Extra(url.clone())),
        _ => None,
    });
    let default = tables.iter().filter_map(|table| table.text("index-url"));
    let default = default.map(|url| Named::Default(url.to_owned()));
    limited(indexes.chain(extra).chain(default))
}

/// What an index is: one that is explicit is never asked for a package that does not name it, even
/// as the default, which there is none then.
fn index(value: &Value) -> Option<Vec<Named>> {
    let table = match value {
        Value::Table(table) => table,
        Value::Text(url) => return Some(vec![Named::Extra(url.clone())]),
        _ => return None,
    };
    let url = table.text("url")?.to_owned();
    Some(match (table.is_true("explicit"), table.is_true("default")) {
        (true, true) => vec![Named::Pinned(url), Named::NoDefault],
        (true, false) => vec![Named::Pinned(url)],
        (false, true) => vec![Named::Default(url)],
        (false, false) => vec![Named::Extra(url)],
    })
}
