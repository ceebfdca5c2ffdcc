//! What people want to know of a distribution beside its name, and of a project.

use provender_domain::{Attributes, File};
use provender_ecosystem::Detail;
use serde_json::Value;

use crate::attribute::{
    LEGACY_SETUP_SCRIPT, LICENSE_EXPRESSION, PROJECT_STATUS, PROJECT_STATUS_REASON, PTH_FILES,
    QUARANTINED, REQUIRES_PYTHON,
};

/// A project in quarantine is not to be installed (PEP 792).
pub(crate) fn withheld(project: &Attributes) -> Option<String> {
    let is_withheld = project.text(PROJECT_STATUS) == Some(QUARANTINED);
    let reason = || match project.text(PROJECT_STATUS_REASON) {
        Some(reason) => format!("the project is in quarantine there: {reason}"),
        None => "the project is in quarantine there".to_owned(),
    };
    is_withheld.then(reason)
}

/// In a line: for which Python it is, under which licence, and what of it runs by itself.
pub(crate) fn of(file: &File) -> Vec<(&'static str, Detail)> {
    let attribute = |key: &str| file.attributes.0.get(key);
    let text = |key: &str| file.attributes.text(key);
    let pth_files = attribute(PTH_FILES).and_then(Value::as_array).map_or(0, Vec::len);
    let runs_setup = attribute(LEGACY_SETUP_SCRIPT).and_then(Value::as_bool) == Some(true);
    let details = [
        ("Requires-Python", text(REQUIRES_PYTHON).map(|python| format!("for Python {python}"))),
        ("License-Expression", text(LICENSE_EXPRESSION).map(str::to_owned)),
        (
            "Code that runs whenever Python starts",
            (pth_files > 0).then(|| format!("{pth_files} .pth files")),
        ),
        (
            "Installing it runs its own code",
            runs_setup.then(|| "setup.py without pyproject.toml".to_owned()),
        ),
    ];
    let known = details.into_iter();
    known.filter_map(|(label, text)| Some((label, Detail::Text(text?)))).collect()
}

#[cfg(test)]
mod tests;
