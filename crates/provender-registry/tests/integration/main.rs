//! The one path in one process: registries in temporary directories, their clock in the test's
//! hand, against upstreams that tell the truth or lie as scripted.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod access;
mod accounts;
mod caching;
mod chain;
mod client;
mod containers;
mod crash;
mod faults;
mod full_disk;
mod garbage;
mod hostile;
mod issuers;
mod mirror;
mod misbehaviour;
mod namesakes;
mod private_first;
mod publishing;
mod registry;
mod shared_log;
mod signing;
mod token_realms;
mod under_way;
mod upstream_order;
mod verification;
mod whole_versions;

use client::Client;
use registry::{TestRegistry, hours, minutes, seconds, wheel};
