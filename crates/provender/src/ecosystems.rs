//! The ecosystems of this program: the one list.

use std::sync::Arc;

use provender_ecosystem::Ecosystem;

/// Every compiled-in ecosystem.
pub(crate) fn all() -> Vec<Arc<dyn Ecosystem>> {
    vec![Arc::new(provender_pypi::Pypi), Arc::new(provender_oci::Oci)]
}

/// The one that the tour walks through.
pub(crate) const TOURED: &str = "pypi";
