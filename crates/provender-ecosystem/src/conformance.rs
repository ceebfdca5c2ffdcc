//! The suite that every ecosystem must pass.
