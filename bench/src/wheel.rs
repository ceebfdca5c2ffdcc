//! Small wheels that are real ones: an archive with metadata and a record that agree.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A wheel, ready to be served or uploaded.
pub(crate) struct Wheel {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

impl Wheel {
    /// Makes a wheel of a package in normal form, holding about `bytes` bytes of data.
    pub(crate) fn new(name: &str, version: &str, bytes: usize) -> Self {
        let stem = name.replace('-', "_");
        let info = format!("{stem}-{version}.dist-info");
        let metadata = format!(
            "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: Measured\n\
             Requires-Python: >=3.9\n\nMade to be measured.\n"
        );
        let tags =
            "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let mut members = vec![
            (format!("{stem}/__init__.py"), format!("VERSION = {version:?}\n").into_bytes()),
            (format!("{stem}/data.bin"), noise(file_seed(name, version), bytes)),
            (format!("{info}/METADATA"), metadata.into_bytes()),
            (format!("{info}/WHEEL"), tags.as_bytes().to_vec()),
        ];
        let record = format!("{info}/RECORD");
        let lines = members.iter().map(|(path, data)| {
            let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(data));
            format!("{path},sha256={digest},{}\n", data.len())
        });
        let listing = lines.collect::<String>() + &format!("{record},,\n");
        members.push((record, listing.into_bytes()));
        Self { file: Self::file_name(name, version), bytes: zip(&members) }
    }

    /// The file name of such a wheel.
    pub(crate) fn file_name(name: &str, version: &str) -> String {
        format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"))
    }
}

/// A number that differs from wheel to wheel and is the same in every run.
fn file_seed(name: &str, version: &str) -> u64 {
    let digest = Sha256::digest(format!("{name} {version}"));
    digest.iter().take(8).fold(1, |seed, &byte| (seed << 8) | u64::from(byte))
}

/// Bytes that do not compress (xorshift64).
pub(crate) fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// A zip archive whose members are stored as they are (APPNOTE 4.3).
fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (path, data) in members {
        let offset = length_u32(archive.len());
        let common = member_header(path, data);
        archive.extend_from_slice(&0x0403_4b50_u32.to_le_bytes());
        archive.extend_from_slice(&common);
        archive.extend_from_slice(path.as_bytes());
        archive.extend_from_slice(data);
        directory.extend_from_slice(&0x0201_4b50_u32.to_le_bytes());
        directory.extend_from_slice(&[20, 3]);
        directory.extend_from_slice(&common);
        // No comment, disk 0, no internal attributes; a regular file, mode 644.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(path.as_bytes());
    }
    let start = length_u32(archive.len());
    let count = u16::try_from(members.len()).expect("a wheel made here has five members");
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(&0x0605_4b50_u32.to_le_bytes());
    archive.extend_from_slice(&[0; 4]);
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&length_u32(directory.len()).to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

/// What a member's own header and its directory entry have in common.
fn member_header(path: &str, data: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    // Version 2.0, no flags, stored, midnight on 1 January 1980.
    for field in [20_u16, 0, 0, 0, 0x21] {
        header.extend_from_slice(&field.to_le_bytes());
    }
    header.extend_from_slice(&crc32(data).to_le_bytes());
    header.extend_from_slice(&length_u32(data.len()).to_le_bytes());
    header.extend_from_slice(&length_u32(data.len()).to_le_bytes());
    let path_length = u16::try_from(path.len()).expect("paths made here are short");
    header.extend_from_slice(&path_length.to_le_bytes());
    header.extend_from_slice(&[0; 2]);
    header
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("archives made here are far below 4 GB")
}

/// CRC-32 as zip has it (reflected, polynomial `0xEDB88320`), eight steps a byte.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Wheel, crc32};

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_wheel_is_a_real_archive() {
        let wheel = Wheel::new("bench-one", "1.2.0", 1000);
        assert_eq!(wheel.file, "bench_one-1.2.0-py3-none-any.whl");
        let path = std::env::temp_dir().join(format!("{}-{}", std::process::id(), wheel.file));
        std::fs::write(&path, &wheel.bytes).unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      print(z.read('bench_one-1.2.0.dist-info/METADATA').decode())";
        let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        std::fs::remove_file(&path).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Name: bench-one\nVersion: 1.2.0\n"), "{text}");
    }
}
