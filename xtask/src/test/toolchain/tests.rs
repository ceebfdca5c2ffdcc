use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Go, Version, WANTED};

/// An empty folder of this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("xtask-toolchain-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A Go of this version that fetches as the real one does: into `$GOMODCACHE`, nothing of it
/// executable and modules inside it under another name.
fn go_of(folder: &Path, version: &str, fetched_version: &str) -> PathBuf {
    let program = folder.join("go");
    let script = format!(
        r#"#!/bin/sh
case "$1" in
  version) echo 'go version go{version} linux/amd64' ;;
  env) printf 'linux\namd64\n' ;;
  mod)
    echo x >> "$GOMODCACHE/../fetches"
    tree="$GOMODCACHE/$4"
    mkdir -p "$tree/bin" "$tree/pkg/tool/linux_amd64" "$tree/src/cmd" "$GOMODCACHE/cache/download"
    echo 'module std' > "$tree/src/_go.mod"
    echo 'module cmd' > "$tree/src/cmd/_go.mod"
    for file in bin/gofmt pkg/tool/linux_amd64/compile; do echo > "$tree/$file"; done
    printf '#!/bin/sh\necho go version go%s linux/amd64\n' {fetched_version} > "$tree/bin/go" ;;
esac
"#
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn versions() {
    let check = |line: &str, expected: Option<(u32, u32, u32)>| {
        let parsed = Version::parse(line).ok();
        let parsed = parsed.map(|version| (version.major, version.minor, version.patch));
        assert_eq!(parsed, expected, "{line}");
    };
    check("go version go1.19.8 linux/amd64", Some((1, 19, 8)));
    check("go version go1.26 linux/arm64", Some((1, 26, 0)));
    check("go version go1.27rc1 linux/amd64", None);
    check("go version devel go1.27-abcdef linux/amd64", None);
    check("gccgo 12", None);
    assert!(Version::parse("go version go1.19.8 linux/amd64").unwrap() < WANTED);
    assert!(Version::parse("go version go1.100.0 linux/amd64").unwrap() > WANTED);
}

#[test]
fn one_that_is_new_enough_is_taken_as_it_is() {
    let folder = scratch("new");
    let installed = go_of(&folder, "1.99.0", "1.99.0");
    assert_eq!(Go::at_hand(&installed, &folder.join("tools")).unwrap(), Go { program: installed });
    assert!(!folder.join("tools/fetches").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_old_one_fetches_a_newer_one_once() {
    let folder = scratch("old");
    let installed = go_of(&folder, "1.19.8", &WANTED.to_string());
    for _ in 0..2 {
        let Go { program } = Go::at_hand(&installed, &folder.join("tools")).unwrap();
        let tree = program.parent().and_then(Path::parent).unwrap();
        for module in ["src/go.mod", "src/cmd/go.mod"] {
            assert!(tree.join(module).is_file(), "{module}");
        }
        for tool in ["bin/go", "bin/gofmt", "pkg/tool/linux_amd64/compile"] {
            let mode = fs::metadata(tree.join(tool)).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{tool}");
        }
    }
    assert_eq!(fs::read_to_string(folder.join("tools/fetches")).unwrap(), "x\n");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_cannot_be_had_is_said() {
    let folder = scratch("none");
    let check = |installed: &Path, expected: &str| {
        let error = Go::at_hand(installed, &folder.join("tools")).unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains(&format!("or Go {WANTED} or newer")) || message.contains("Go 1.19")
        );
    };
    check(&folder.join("nothing"), "no Go answers; install Debian's golang-go");
    check(&go_of(&folder, "1.19.8", "1.0.0"), "what was fetched is no Go");
    let refusing = folder.join("go");
    let script = fs::read_to_string(&refusing).unwrap().replace("  mod)", "  mod) exit 1");
    fs::write(&refusing, script).unwrap();
    check(&refusing, "Go 1.19.8 is too old, and Go");
    check(&refusing, "go mod download failed");
    fs::remove_dir_all(folder).unwrap();
}
