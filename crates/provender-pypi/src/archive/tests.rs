use std::io::Cursor;

use provender_domain::{FileName, Version};
use provender_ecosystem::{Depth, Expected, InspectErrorClass, Inspection};
use provender_testing::archive::{TarBuilder, ZipBuilder};
use provender_testing::python::{Distribution, RecordFlaw, SdistBuilder, WheelBuilder};

use super::inspect;
use crate::name;

/// What is found out about these bytes under this name.
fn read(file: &str, bytes: &[u8], depth: Depth) -> Result<Inspection, (InspectErrorClass, String)> {
    let package = name::normalize("demo").unwrap();
    let file = FileName::new(file).unwrap();
    let expected = Expected { package: &package, version: None, file: &file, attributes: None };
    inspect(&expected, &mut Cursor::new(bytes), depth).map_err(|error| (error.class, error.message))
}

/// Holds both depths against what is expected: `Ok`, or a part of the message.
fn check(built: &Distribution, mirrored: Result<(), &str>, published: Result<(), &str>) {
    for (depth, expected) in [(Depth::Structure, mirrored), (Depth::Full, published)] {
        match (read(&built.file_name, &built.bytes, depth), expected) {
            (Ok(found), Ok(())) => {
                assert_eq!(found.version, Version::new(&built.version).ok(), "{depth:?}");
            }
            (Err((_, message)), Err(part)) if message.contains(part) => {}
            (found, _) => panic!("{depth:?}: {found:?} instead of {expected:?}"),
        }
    }
}

fn wheel() -> WheelBuilder {
    WheelBuilder::new("demo", "1.0")
}

fn sdist() -> SdistBuilder {
    SdistBuilder::new("demo", "1.0")
}

#[test]
fn wheels() {
    let check = |builder: WheelBuilder, mirrored, published| {
        check(&builder.build(), mirrored, published);
    };
    let both = |part| (Err(part), Err(part));
    check(wheel(), Ok(()), Ok(()));
    check(wheel().tag("cp312-cp312-manylinux_2_28_x86_64"), Ok(()), Ok(()));
    check(wheel().metadata_name("De.Mo"), both("`De.Mo`").0, both("must be demo").1);
    check(wheel().metadata_name("DEMO"), Ok(()), Ok(()));
    let (mirrored, published) = both("demo-1.0.dist-info/METADATA: field Version is `2.0`");
    check(wheel().metadata_version("2.0"), mirrored, published);
    check(wheel().metadata_version("1.0.0"), Ok(()), Ok(()));
    let (mirrored, published) = both("exactly one .dist-info");
    check(wheel().entry("other-2.0.dist-info/METADATA", ""), mirrored, published);
    let (mirrored, published) = both("field Name is there more than once");
    check(wheel().metadata_line("Name: demo"), mirrored, published);
    let repeated = wheel().metadata_line("Summary: a").metadata_line("summary: b");
    check(repeated, Ok(()), Err("field Summary is there more than once"));
    let record = |flaw| wheel().record(flaw);
    check(record(RecordFlaw::Absent), Ok(()), Err("demo-1.0.dist-info/RECORD is missing"));
    check(record(RecordFlaw::WrongHash), Ok(()), Err("`demo/__init__.py` does not have the hash"));
    check(record(RecordFlaw::WrongSize), Ok(()), Err("`demo/__init__.py` does not have the size"));
    check(record(RecordFlaw::Unlisted), Ok(()), Err("does not list `demo/__init__.py`"));
    check(
        record(RecordFlaw::Phantom),
        Ok(()),
        Err("lists `phantom.py`, which is not in the wheel"),
    );
}

#[test]
fn wheel_metadata() {
    let check = |metadata: &str, mirrored, published| {
        check(&wheel().metadata(metadata).build(), mirrored, published);
    };
    let with = |lines: &str| format!("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}");
    check(&with("License-Expression: MIT\nUnknown-Field: x\n\nName: other\n"), Ok(()), Ok(()));
    check(&with("Description: one\n  two\n\n"), Ok(()), Ok(()));
    check(&with("Requires-Python: >=3.9, <4"), Ok(()), Ok(()));
    check(&with("Requires-Python: three"), Ok(()), Err("field Requires-Python is `three`"));
    check(&with("Requires-Dist: a>=1; extra == 'x'\nRequires-Dist: b"), Ok(()), Ok(()));
    check(&with("Requires-Dist: a b c"), Ok(()), Err("field Requires-Dist is `a b c`"));
    check(&with("no colon"), Ok(()), Err("line 4 is not of the form"));
    check(" starts oddly\nName: demo", Err("field Name is missing"), Err("line 1 is not"));
    check("Name: demo\nVersion: 1.0", Ok(()), Err("field Metadata-Version is missing"));
    check(
        "Metadata-Version: 3.0\nName: demo\nVersion: 1.0",
        Ok(()),
        Err("field Metadata-Version is `3.0`; it must be 1.x or 2.x"),
    );
    check(
        "Metadata-Version: 2.1\nName: demo",
        Err("Version is missing"),
        Err("Version is missing"),
    );
    check("", Err("Name is missing"), Err("Name is missing"));
    let many = "Classifier: x\n".repeat(10_001);
    check(&with(&many), Err("more than 10000 fields"), Err("more than 10000 fields"));
}

#[test]
fn wheels_made_by_hand() {
    let check = |files: &[(&str, &[u8])], mirrored: Result<(), &str>, published| {
        let zip = files.iter().fold(ZipBuilder::new(), |zip, (path, bytes)| zip.file(path, bytes));
        let distribution = Distribution { bytes: zip.finish().into(), ..wheel().build() };
        check(&distribution, mirrored, published);
    };
    let metadata: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
    let latin: &[u8] = b"Metadata-Version: 1.1\nName: demo\nVersion: 1.0\nAuthor: M\xfcller\n";
    let folder = "demo-1.0.dist-info";
    let at = |name: &str| format!("{folder}/{name}");
    let (metadata_path, wheel_path) = (at("METADATA"), at("WHEEL"));
    check(&[("demo.py", b"")], Err("no folder demo-1.0.dist-info"), Err("no folder"));
    check(&[(&wheel_path, b"")], Err("METADATA is missing"), Err("METADATA is missing"));
    check(&[(&metadata_path, metadata)], Ok(()), Err("WHEEL is missing"));
    check(&[(&metadata_path, latin)], Ok(()), Err("METADATA is not UTF-8"));
    check(&[("Demo-1.0.0.dist-info/METADATA", metadata)], Ok(()), Err("WHEEL is missing"));
    check(
        &[("demo-2.0.dist-info/METADATA", metadata)],
        Err("the wheel's folder is `demo-2.0.dist-info`, but by its file name it must be demo-1.0"),
        Err("demo-2.0"),
    );
    for (content, part) in [
        ("", "Wheel-Version is missing"),
        ("Wheel-Version: 2.0", "Wheel-Version is `2.0`; it must be 1.x"),
        ("Wheel-Version: 1.0", "Root-Is-Purelib is missing"),
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: maybe", "`maybe`; it must be true or false"),
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: true", "Tag is missing"),
    ] {
        let files = [(metadata_path.as_str(), metadata), (&wheel_path, content.as_bytes())];
        check(&files, Ok(()), Err(part));
    }
}

#[test]
fn source_distributions() {
    let check = |builder: SdistBuilder, mirrored, published| {
        check(&builder.build(), mirrored, published);
    };
    check(sdist(), Ok(()), Ok(()));
    check(sdist().entry("demo-1.0/setup.py", ""), Ok(()), Ok(()));
    let part = "demo-1.0/PKG-INFO: field Name is `other`, but by the file name it must be demo";
    check(sdist().metadata_name("other"), Err(part), Err(part));
    check(sdist().metadata_version("2.0"), Err("must be 1.0"), Err("must be 1.0"));
    check(sdist().metadata_version("unknown"), Ok(()), Err("must be 1.0"));
    check(sdist().entry("other/file", ""), Ok(()), Err("`other/file` lies outside of demo-1.0"));
    check(sdist().entry("README", ""), Ok(()), Err("`README` lies outside of demo-1.0"));
    check(sdist().metadata_line("Requires-Python: 3.x.y"), Ok(()), Err("Requires-Python"));
    let escape = Err("contains a `..` segment");
    check(sdist().entry("demo-1.0/../../x", ""), escape, escape);
    check(sdist().entry("/etc/passwd", ""), Err("is absolute"), Err("is absolute"));
}

#[test]
fn source_distributions_made_by_hand() {
    let check = |files: &[(&str, &str)], mirrored: Result<(), &str>, published| {
        let tar = files.iter().fold(TarBuilder::new(), |tar, (path, text)| tar.file(path, text));
        let distribution = Distribution { bytes: tar.finish_gzip().into(), ..sdist().build() };
        check(&distribution, mirrored, published);
    };
    let outside = Err("lies outside of demo-1.0");
    check(&[("demo-1.0/demo.py", "")], Ok(()), Err("demo-1.0/PKG-INFO is missing"));
    check(&[("Demo-1.0/PKG-INFO", "Name: demo")], Ok(()), outside);
    check(&[("src/PKG-INFO", "Name: other")], Err("must be demo"), outside);
    // Nobody can say whose it is.
    check(&[("src/PKG-INFO", "Name: other"), ("usr/x", "")], Ok(()), outside);
    check(&[], Ok(()), outside);
    let huge = "x".repeat(4 * 1024 * 1024 + 1);
    let too_large = Err("`demo-1.0/PKG-INFO` is larger than 4194304 bytes");
    check(&[("demo-1.0/PKG-INFO", &huge)], too_large, too_large);
}

#[test]
fn zipped_source_distributions() {
    let zip = ZipBuilder::new().file("demo-1.0/PKG-INFO", b"Name: demo\nVersion: 1.0\n");
    let bytes = zip.finish();
    let found = read("demo-1.0.zip", &bytes, Depth::Structure).unwrap();
    assert_eq!(found.version, Some(Version::new("1.0").unwrap()));
    let mut prefixed = b"#!/bin/sh\n".to_vec();
    prefixed.extend(&bytes);
    assert!(read("demo-1.0.zip", &prefixed, Depth::Structure).is_err());
}

#[test]
fn file_names() {
    let bytes = wheel().build().bytes;
    let check = |file: &str, claimed: &str, expected: Option<&str>| {
        let package = name::normalize("demo").unwrap();
        let (file, version) = (FileName::new(file).unwrap(), Version::new(claimed).unwrap());
        let expected_of =
            Expected { package: &package, version: Some(&version), file: &file, attributes: None };
        let found = inspect(&expected_of, &mut Cursor::new(&bytes), Depth::Full);
        let message = found.err().map(|error| error.message);
        let agrees = match (&message, expected) {
            (Some(message), Some(part)) => message.contains(part),
            (None, None) => true,
            _ => false,
        };
        assert!(agrees, "{file} {claimed}: {message:?} instead of {expected:?}");
    };
    check("demo-1.0-py3-none-any.whl", "1.0", None);
    check("demo-1.0-py3-none-any.whl", "1.0.0", None);
    check("demo-1.0-py3-none-any.whl", "2.0", Some("it is to be version 2.0"));
    check("demo-2.0-py3-none-any.whl", "2.0", Some("folder is `demo-1.0.dist-info`"));
    check("other-1.0-py3-none-any.whl", "1.0", Some("is no file name of a wheel or source"));
    check("demo-1.0.exe", "1.0", Some("is no file name of a wheel or source"));
    check("demo-1.0.tar.gz", "1.0", Some("this is not a gzip archive"));
}

#[test]
fn facts() {
    let built = wheel()
        .requires_python(">=3.9")
        .metadata_line("License-Expression: MIT")
        .entry("start.pth", "import os")
        .entry("demo-1.0.data/purelib/also.pth", "import os")
        .entry("demo/data/harmless.pth", "")
        .build();
    let found = read(&built.file_name, &built.bytes, Depth::Full).unwrap();
    insta::assert_snapshot!(
        "wheel_attributes",
        serde_json::to_string_pretty(&found.attributes).unwrap()
    );
    assert_eq!(found.companions.len(), 1);
    assert_eq!(found.companions[0].kind, "metadata");
    assert_eq!(found.companions[0].bytes, built.metadata.as_bytes());

    let tar = TarBuilder::new()
        .file("demo-1.0/PKG-INFO", "Metadata-Version: 1.1\nName: demo\nVersion: 1.0\n")
        .file("demo-1.0/setup.py", "")
        .finish_gzip();
    let found = read("demo-1.0.tar.gz", &tar, Depth::Full).unwrap();
    insta::assert_snapshot!(
        "sdist_attributes",
        serde_json::to_string_pretty(&found.attributes).unwrap()
    );
    assert!(found.companions.is_empty());
}
