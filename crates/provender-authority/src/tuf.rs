//! The repository of trusted keys, after The Update Framework (specification 1.0).
//!
//! It tells clients what to trust and goes on telling them: `trusted_root.json` and
//! `signing_config.v0.2.json` are its targets. Who once has one `root.json` follows every later change,
//! notices when an old state is served as the newest, and when none is served at all.
//!
//! Two kinds of keys: the root key, which says which other keys count and is needed only when those change
//! or the root document nears its end, and the online keys, which sign the rest.
//!
//! Everything is in files, small and few (about a hundred in a year), so the repository answers from memory.

mod canonical;
mod disk;
mod key;
mod lives;
mod metadata;
mod repository;

pub use disk::DiskError;
pub use key::KEY_ALGORITHM;
pub use lives::Lives;
pub use repository::{
    DocumentStatus, Renewed, Repository, RoleKeys, TARGET_LIMIT_BYTES, TARGET_NAME_LIMIT_BYTES,
    TARGETS_MAX, TufError,
};

/// The target that holds the trust root (Sigstore's clients look for exactly this name).
pub const TRUSTED_ROOT: &str = "trusted_root.json";
/// The target that holds the signing config.
pub const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
