//! The measurements, one file each.

mod authority;
mod big_index;
mod index;
mod install;
mod log;
mod memory;
mod oci;
mod publish;
mod sign;
mod start;
mod verify;
mod wheel;

use crate::machine::Workplace;
use crate::report::Table;

/// Something that is measured.
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Workplace) -> anyhow::Result<Table>,
}

/// Every measurement.
pub(crate) fn all() -> impl Iterator<Item = &'static Measurement> {
    ALL.iter().chain(oci::ALL)
}

/// Those of packages, the quick ones first.
const ALL: &[Measurement] = &[
    Measurement {
        name: "index",
        title: "a cached index of 27 KB, 32 connections",
        run: index::run,
    },
    Measurement {
        name: "wheel",
        title: "a cached wheel of 20 MB, 1, 4 and 32 connections",
        run: wheel::run,
    },
    Measurement { name: "big-index", title: "an index of 10,000 files", run: big_index::run },
    Measurement {
        name: "memory",
        title: "resident memory, idle and after 10,000 requests",
        run: memory::run,
    },
    Measurement {
        name: "publish",
        title: "publishing small wheels, 8 at a time",
        run: publish::run,
    },
    Measurement {
        name: "log",
        title: "appending to the transparency log, in process",
        run: log::run,
    },
    Measurement {
        name: "authority",
        title: "certificates and log entries over HTTP, each signature checked",
        run: authority::run,
    },
    Measurement { name: "verify", title: "verifying one bundle", run: verify::run },
    Measurement { name: "sign", title: "signing one file", run: sign::run },
    Measurement {
        name: "start",
        title: "start to first answer with 100,000 files",
        run: start::run,
    },
    Measurement { name: "warm", title: "installing 50 packages that are kept", run: install::warm },
    Measurement {
        name: "cold",
        title: "installing 50 packages that nobody asked for yet",
        run: install::cold,
    },
];
