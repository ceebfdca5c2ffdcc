//! A moment of fuzzing on stable Rust: every target is fed its seeds, and then mutations of them,
//! the same ones in every run. Prints `ok NAME` or `not ok NAME`, and exits with 1 on a finding.
//!
//! An argument names the only target to run.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use provender_fuzz::{TARGETS, Target};

/// Inputs for each target, unless time runs out before.
const INPUTS: u32 = 30_000;
/// Time for each target.
const TARGET_TIME: Duration = Duration::from_secs(4);
/// An input that takes longer than this is a finding: nothing here is large.
const SLOW: Duration = Duration::from_secs(2);
/// How often an input may be slow.
const SLOW_TRIES: u32 = 3;
/// The longest input, in bytes.
const INPUT_MAX_BYTES: usize = 16 * 1024;

/// Words that parsers care about.
const WORDS: &[&[u8]] = &[
    b"..",
    b"/",
    b"\\",
    b"%2f",
    b"%2e",
    b"%00",
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"--b",
    b"\"",
    b"'",
    b"<",
    b">",
    b"&quot;",
    b"<a href=\"",
    b"</a>",
    b"#sha256=",
    b"<base href=\"",
    b"javascript:",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xe2\x80\xae",
    b"\xc3\xa4",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"ustar",
    b"GNUSparse",
    b"=",
    b";",
    b"*",
    b"!",
    b"+local",
    b".post1",
    b"\n",
];

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let wanted = |target: &&Target| only.as_deref().is_none_or(|name| name == target.name);
    let mut sound = true;
    for target in TARGETS.iter().filter(wanted) {
        let seeds = seeds(target.name);
        let began = Instant::now();
        match feed(target, &seeds) {
            Ok(inputs) => {
                let secs = began.elapsed().as_secs_f64();
                println!("ok fuzz {}: {inputs} inputs, {secs:.1} s", target.name);
            }
            Err(finding) => {
                sound = false;
                println!("not ok fuzz {}: {}", target.name, finding.what);
                println!("    kept in {}", keep(target.name, &finding.input).display());
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An input that a target cannot take.
struct Finding {
    what: &'static str,
    input: Vec<u8>,
}

/// Feeds a target its seeds and their mutations, and counts the inputs.
fn feed(target: &Target, seeds: &[Vec<u8>]) -> Result<u32, Finding> {
    let deadline = Instant::now() + TARGET_TIME;
    let mut random = Random::new(target.name);
    let mut inputs = 0;
    for seed in seeds {
        try_one(target, seed)?;
        inputs += 1;
    }
    while inputs < INPUTS && Instant::now() < deadline {
        try_one(target, &random.mutated(seeds))?;
        inputs += 1;
    }
    Ok(inputs)
}

fn try_one(target: &Target, input: &[u8]) -> Result<(), Finding> {
    // On a busy machine anything may take long once; what is slow is slow again.
    for _ in 0..SLOW_TRIES {
        let start = Instant::now();
        if panic::catch_unwind(|| (target.run)(input)).is_err() {
            return Err(Finding { what: "panicked", input: input.to_vec() });
        }
        if start.elapsed() <= SLOW {
            return Ok(());
        }
    }
    Err(Finding { what: "slow", input: input.to_vec() })
}

/// The target's seeds, by name; an empty input is always one.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let listing = fs::read_dir(&folder).expect("every target has a folder of seeds");
    let mut paths: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no seeds", folder.display());
    let read = |path: &PathBuf| fs::read(path).expect("a seed can be read");
    std::iter::once(Vec::new()).chain(paths.iter().map(read)).collect()
}

/// Writes an input where the fuzzer keeps its own findings.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target);
    let path = folder.join("smoke");
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)).expect("it can be written");
    path
}

/// Numbers that are the same in every run (xorshift64).
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, mix) | 1)
    }

    /// Below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("below 256")
    }

    /// A seed, changed in one to eight places.
    fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(8) {
            self.mutate(&mut input, seeds);
        }
        input.truncate(INPUT_MAX_BYTES);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1).min(64);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.byte(),
            2 if at < input.len() => input[at] = [0, 0xff, 0x7f, 0x80][self.below(4)],
            3 => drop(input.drain(at..end)),
            4 => drop(input.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
            5 => drop(input.splice(at..end, WORDS[self.below(WORDS.len())].iter().copied())),
            6 => {
                let piece = input[at..end].to_vec();
                for _ in 0..self.below(4) {
                    input.splice(at..at, piece.iter().copied());
                }
            }
            _ => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
}
