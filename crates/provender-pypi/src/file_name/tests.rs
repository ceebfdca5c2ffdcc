use provender_domain::FileName;

use super::{Format, canonical, packages, parse};
use crate::name;

#[test]
fn file_names() {
    let check = |package: &str, file: &str, expected: Option<(Format, &str)>| {
        let package = name::normalize(package).unwrap();
        let parsed = parse(&package, &FileName::new(file).unwrap());
        let parsed = parsed.as_ref().map(|found| (found.format, found.version.as_str()));
        assert_eq!(parsed, expected, "{file:?} of {package:?}");
    };
    let wheel = |version| Some((Format::Wheel, version));
    check("demo", "demo-1.0-py3-none-any.whl", wheel("1.0"));
    check("demo", "demo-1.0-7b-py2.py3-none-any.whl", wheel("1.0"));
    check("de-mo", "De.Mo-1.0rc1-cp312-cp312-manylinux_2_28_x86_64.whl", wheel("1.0rc1"));
    check("demo", "demo-1.0+local.1-py3-none-any.whl", wheel("1.0+local.1"));
    check("demo", "demo-1.0_1-py3-none-any.whl", wheel("1.0.post1"));
    check("demo", "other-1.0-py3-none-any.whl", None);
    check("de-mo", "de-mo-1.0-py3-none-any.whl", None);
    check("demo", "demo-1.0-b7-py3-none-any.whl", None);
    check("demo", "demo-1.0-py3-none.whl", None);
    check("demo", "demo-1.0-1-2-py3-none-any.whl", None);
    check("demo", "demo-1.0-py3--any.whl", None);
    check("demo", "demo-one-py3-none-any.whl", None);
    check("demo", "demo-1.0-py3-none-a ny.whl", None);
    check("demo", "demo-1.0-py3-none-any.whl.metadata", None);
    check("demo", "demo-1.0-py3-none-any.WHL", None);

    let sdist = |version| Some((Format::SdistTarGzip, version));
    check("demo", "demo-1.0.tar.gz", sdist("1.0"));
    check("demo", "demo-1.0.tgz", sdist("1.0"));
    check("demo", "demo-1.0.zip", Some((Format::SdistZip, "1.0")));
    check("de-mo", "de-mo-1.0.tar.gz", sdist("1.0"));
    check("demo-2", "demo-2-1.0.tar.gz", sdist("1.0"));
    check("demo", "demo-2-1.0.tar.gz", None);
    check("demo", "demo-1.0-1.tar.gz", sdist("1.0.post1"));
    check("demo", "Demo-1.0-beta2.tar.gz", sdist("1.0b2"));
    check("demo", "demo--1.0.tar.gz", None);
    check("demo", "demo.tar.gz", None);
    check("demo", "demo-1.0.tar.bz2", None);
    check("demo", "demo-1.0.exe", None);
    check("demo", "demo-1.0.win32-py2.7.msi", None);
    check("demo", "demo-1.0-py2.7.egg", None);
    check("demo", "demo-1.0 .tar.gz", None);
    check("demo", "demo-1.0\u{a0}.tar.gz", None);
    check("demo", ".tar.gz", None);
    check("demo", ".whl", None);
}

#[test]
fn canonical_names() {
    let check = |file: &str, expected: &str| {
        let package = name::normalize("de.mo").unwrap();
        let file = FileName::new(file).unwrap();
        let found = parse(&package, &file).unwrap();
        assert_eq!(canonical(&package, &found.version, &file, found.format), expected, "{file:?}");
    };
    check("De_Mo-1.0-py3-none-any.whl", "de_mo-1.0-py3-none-any.whl");
    check("de_mo-v1.0-1-py3-none-any.whl", "de_mo-1.0-1-py3-none-any.whl");
    check("de-mo-1.0.zip", "de_mo-1.0.tar.gz");
    check("de_mo-1.0rc1.tar.gz", "de_mo-1.0rc1.tar.gz");
}

#[test]
fn packages_of_names() {
    let check = |file: &str, expected: &[&str]| {
        let found = packages(&FileName::new(file).unwrap());
        let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, expected, "{file:?}");
    };
    check("De_Mo-1.0-py3-none-any.whl", &["de-mo"]);
    check("de-mo-1.0.tar.gz", &["de-mo"]);
    check("demo-1-1.zip", &["demo", "demo-1"]);
    check("demo.tar.gz", &[]);
    check("1.0.zip", &[]);
}
