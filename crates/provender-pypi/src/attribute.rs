//! The keys under which Python's own facts are kept in [`provender_domain::Attributes`].
//!
//! They are stored with files and packages, so a key once written never changes its meaning.

/// Of a file: its `Requires-Python`, a text, as the index or the archive has it (PEP 345).
pub const REQUIRES_PYTHON: &str = "requires-python";
/// Of a package: its status by PEP 792, one of `active`, `archived`, `quarantined`, `deprecated`.
pub const PROJECT_STATUS: &str = "project-status";
/// Of a package: why it has that status, a text (PEP 792).
pub const PROJECT_STATUS_REASON: &str = "project-status-reason";
/// Of an inspected wheel: the paths of its `.pth` files, a list of texts, at most
/// [`PTH_FILES_LIMIT`]. Python runs them whenever it starts. Absent where there are none.
pub const PTH_FILES: &str = "pth-files";
/// Of an inspected source distribution: `true` if it has a `setup.py` and no `pyproject.toml`, so
/// that installing it runs its own code with whatever is installed. Absent otherwise.
pub const LEGACY_SETUP_SCRIPT: &str = "legacy-setup-script";
/// Of an inspected archive: its `License-Expression`, a text (PEP 639).
pub const LICENSE_EXPRESSION: &str = "license-expression";

/// Most paths listed under [`PTH_FILES`].
pub const PTH_FILES_LIMIT: usize = 100;
/// Longest text attribute that is taken over, in bytes; longer ones are left out.
pub const TEXT_LIMIT_BYTES: usize = 4096;

/// The companion that holds a distribution's core metadata (PEP 658, PEP 714).
pub const METADATA_COMPANION: &str = "metadata";
/// The companion that holds a distribution's provenance (PEP 740).
pub const PROVENANCE_COMPANION: &str = "provenance";

/// The statuses that PEP 792 knows.
pub(crate) const PROJECT_STATUSES: [&str; 4] = ["active", "archived", QUARANTINED, "deprecated"];
/// That of a project that may harm whoever installs it.
pub(crate) const QUARANTINED: &str = "quarantined";
