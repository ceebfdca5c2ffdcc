//! Bundles that a whole instance signed, verified, and verified no more after each kind of change.

mod instance;
mod mutation;
mod refusals;
mod signing;
