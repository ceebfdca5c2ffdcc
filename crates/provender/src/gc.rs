//! `provender gc`.

use anyhow::Result;
use clap::Args;
use provender_server::api::types::{Collected, GarbageCollection};

use crate::api::Api;
use crate::output::{Output, size};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only count
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(options: &Options, api: &Api, output: Output) -> Result<()> {
    let request = GarbageCollection { dry_run: options.dry_run };
    let collected: Collected = api.post(&["garbage-collections"], &request).await?;
    output.show(&collected, describe)
}

fn describe(collected: &Collected) -> String {
    let counted = |number: u64, what: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {what}{plural}")
    };
    let verb = if collected.dry_run { "could be" } else { "were" };
    let mut text = counted(collected.blobs, "blob");
    if collected.files > 0 {
        text = format!("{}, {text}", counted(collected.files, "file"));
    }
    if collected.uploads > 0 {
        text = format!("{text}, {}", counted(collected.uploads, "abandoned upload"));
    }
    format!("{text}, {}, {verb} removed.", size(collected.bytes))
}

#[cfg(test)]
mod tests {
    use provender_server::api::types::Collected;

    use super::describe;

    #[test]
    fn what_was_removed() {
        let check = |(files, blobs, uploads, bytes), dry_run, expected: &str| {
            let collected = Collected { blobs, bytes, files, uploads, dry_run };
            assert_eq!(describe(&collected), expected);
        };
        check((0, 0, 0, 0), true, "0 blobs, 0 B, could be removed.");
        check((0, 1, 0, 27), false, "1 blob, 27 B, were removed.");
        check(
            (1, 3, 2, 4_000),
            false,
            "1 file, 3 blobs, 2 abandoned uploads, 4.0 kB, were removed.",
        );
    }
}
