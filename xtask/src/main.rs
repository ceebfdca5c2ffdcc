//! The project's own commands: `cargo xtask tidy`, `cargo xtask test` and `cargo xtask bench`.
//!
//! Run without arguments for what each one takes. Kept light on dependencies, so that it compiles
//! in seconds on a machine that has nothing but Rust.

mod bench;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                 check what is written down about this project's own shape
  test [OPTION]…       install what is missing, then run every check and test there is
      --without NAME   do without a client or server (named where it is missed); repeatable
      --offline        use what is installed, skip what needs a public upstream
      --quick          only formatting, lints, tidy and the workspace's own tests
  bench [NAME]…        measure beside real peers; --list names the measurements
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = project_root();
    let outcome = match arguments.split_first() {
        Some((command, [])) if command == "tidy" => tidy::run(&root),
        Some((command, rest)) if command == "test" => test::run(&root, rest),
        Some((command, rest)) if command == "bench" => bench::run(&root, rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The folder of the workspace, wherever the command was started.
fn project_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("this crate is a folder of the workspace").to_owned()
}
