use provender_ecosystem::{ClientSetup, Endpoint, Named, ProbeSource};

use super::{client_setup, default, extra, help, pip, probes, uv};

/// `+URL` an extra one, `=URL` a default one, `~URL` a built-in one, `!URL` a pinned one, `-` none.
fn told(named: &[Named]) -> String {
    let word = |named: &Named| match named {
        Named::Extra(url) => format!("+{url}"),
        Named::Default(url) => format!("={url}"),
        Named::BuiltIn(url) => format!("~{url}"),
        Named::Pinned(url) => format!("!{url}"),
        Named::NoDefault => "-".to_owned(),
    };
    named.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn variables() {
    let check = |text: &str, expected: &str| assert_eq!(told(&extra(text)), expected, "{text:?}");
    check("https://a.example/simple/\n", "+https://a.example/simple/");
    check(
        "https://a.example https://b.example\n https://a.example",
        "+https://a.example +https://b.example",
    );
    check("own=https://a.example/?x=y", "+https://a.example/?x=y");
    check("https://a.example/?x=y", "+https://a.example/?x=y");
    check("file:///srv/simple nonsense ./relative", "");
    check("", "");
    let many = (0..100).map(|n| format!("https://{n}.a.example")).collect::<Vec<_>>().join(" ");
    assert_eq!(extra(&many).len(), 16);
    let check = |text: &str, expected: &str| assert_eq!(told(&default(text)), expected, "{text:?}");
    check("own=https://a.example", "=https://a.example");
    check("/srv/simple", "-");
    check(" ", "");
}

#[test]
fn uv_files() {
    let check =
        |text: &str, expected: &str| assert_eq!(told(&uv::settings(text)), expected, "{text}");
    check("", "");
    check("index-url = \"https://a.example\"", "=https://a.example");
    check("index-url='https://a.example' # mine", "=https://a.example");
    check("# index-url = \"https://a.example\"", "");
    check(
        "index-url = \"https://a.example\"\nextra-index-url = [\n  \"https://b.example\", # b\n  \"https://[::1]/c\",\n]\nnative-tls = true\n",
        "+https://b.example +https://[::1]/c =https://a.example",
    );
    check(
        "extra-index-url = [\"https://a.example\"]\ncache-dir = \"https://no.example\"",
        "+https://a.example",
    );
    check(
        "[[index]]\nname = \"x\"\nurl = \"https://d.example\"\ndefault = true\n[[index]]\nurl = \"https://e.example\"\nexplicit = true\n[publish]\nurl = \"https://no.example\"\n",
        "=https://d.example !https://e.example",
    );
    check(
        "index = [{ name = \"x\", url = \"https://a.example\" }, {url = 'https://b.example', default = true}]",
        "+https://a.example =https://b.example",
    );
    check("index = [{\n  url = 'https://a.example',\n  explicit = true,\n}]", "!https://a.example");
    check(
        "index = [{url = 'https://a.example', explicit = true, default = true}]",
        "!https://a.example -",
    );
    check("index = [{url = './wheels', default = true}]", "-");
    check("index-url = 'file:///srv/simple'", "-");
    check(
        "index-url = 'https://a.example'\n[pip]\nindex-url = 'https://b.example'",
        "=https://b.example =https://a.example",
    );
    check("no-index = true\nindex-url = 'https://a.example'", "-");
    check(
        "[project]\nname = 'x'\n[tool.uv]\ndev-dependencies = []\n[[tool.uv.index]]\nurl = 'https://a.example'\ndefault = true",
        "=https://a.example",
    );
    // What uv itself does not read.
    check("extra-index-url = [\"https://a.example\"", "-");
    check("= = [ ] \" ' \n[[", "-");
}

/// Else what the client comes with would be taken for what it uses.
#[test]
fn a_default_is_never_one_too_many() {
    let many = (0..40).map(|n| format!("'https://{n}.a.example'")).collect::<Vec<_>>();
    let settings =
        format!("extra-index-url = [{}]\nindex-url = 'https://d.example'", many.join(","));
    let named = uv::settings(&settings);
    assert_eq!(named.len(), 17);
    assert_eq!(named.last(), Some(&Named::Default("https://d.example".to_owned())));
    let nowhere = settings.replace("https://d.example", "/srv/simple");
    assert_eq!(uv::settings(&nowhere).last(), Some(&Named::NoDefault));
}

#[test]
fn pip_settings() {
    let check =
        |text: &str, expected: &str| assert_eq!(told(&pip::settings(text)), expected, "{text}");
    check("", "");
    check(":env:.cert='/x'\nglobal.timeout='60'", "");
    check("global.index-url='https://g.example'", "=https://g.example");
    check(
        "global.index-url='https://g.example'\ninstall.index-url='https://i.example'",
        "=https://i.example",
    );
    check(
        ":env:.index-url='https://e.example'\nglobal.index-url='https://g.example'\ninstall.index-url='https://i.example'",
        "=https://e.example",
    );
    check(":env:.index-url=''\nglobal.index-url='https://g.example'", "=https://g.example");
    check("download.index-url='https://d.example'\nlist.index-url='https://l.example'", "");
    check(
        "global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'\nglobal.index-url='https://g.example'",
        "+https://a.example +https://b.example =https://g.example",
    );
    check(
        "global.extra-index-url='https://a.example'\ninstall.extra-index-url='https://b.example'",
        "+https://b.example",
    );
    check("global.index-url=\"https://u:p'w@g.example\"", "=https://u:p'w@g.example");
    check("global.index-url='file:///srv/simple'", "-");
    check("global.index-url='https://g.example'\nglobal.no-index='true'", "-");
    check("global.index-url='https://g.example'\nglobal.no-index='0'", "=https://g.example");
    check("WARNING: nothing\nglobal.index-url", "");
}

#[test]
fn what_is_built_in() {
    let of_pip = |text: &str| told(&help::pip(text));
    let of_uv = |text: &str| told(&help::uv(text));
    let pip_help = "Package Index Options:
  -i, --index-url <url>       Base URL of the Python Package Index (default
                              https://index.upstream.example/simple). This should point to a
                              repository compliant with PEP 503 (see https://no.example).
  --extra-index-url <url>     Extra URLs of package indexes to use in addition
                              to --index-url. (default https://no.example)
";
    assert_eq!(of_pip(pip_help), "~https://index.upstream.example/simple");
    let configured = pip_help.replace("https://index", "https://user:****@index");
    assert_eq!(of_pip(&configured), "");
    let uv_help = "Index options:
      --default-index <DEFAULT_INDEX>
          The default package index (by default: <https://index.upstream.example/simple>) [env:
          UV_DEFAULT_INDEX]
  -i, --index-url <INDEX_URL>
          (Deprecated: use `--default-index` instead) The URL of the Python package index (by
          default: <https://no.example/simple>) [env: UV_INDEX_URL]
";
    assert_eq!(of_uv(uv_help), "~https://index.upstream.example/simple");
    let older = "  -i, --index-url <INDEX_URL>
          The URL of the Python package index [default: https://index.upstream.example/simple]\n";
    assert_eq!(of_uv(older), "~https://index.upstream.example/simple");
    let without =
        "  --default-index <URL>\n    The default one\n  --other\n    default https://no.example\n";
    assert_eq!(of_uv(without), "");
    assert_eq!(of_uv("--default-index default"), "");
    assert_eq!(of_pip("pip: command not found"), "");
}

#[test]
fn what_a_client_prefers_comes_first() {
    let probes = probes();
    let position = |wanted: &ProbeSource| {
        let place = probes.iter().position(|probe| probe.source == *wanted);
        place.unwrap_or_else(|| panic!("{wanted:?} is not asked"))
    };
    let variable = |variable| position(&ProbeSource::Environment { variable });
    let in_order = [
        variable("UV_DEFAULT_INDEX"),
        variable("UV_INDEX_URL"),
        position(&ProbeSource::NamedFile { variable: "UV_CONFIG_FILE" }),
        position(&ProbeSource::UserSettings { path: "uv/uv.toml" }),
        position(&ProbeSource::SystemSettings { path: "uv/uv.toml" }),
    ];
    assert!(in_order.is_sorted(), "{in_order:?}");
}

#[test]
fn setups() {
    let text = |origin: &str| {
        let setups = client_setup(&Endpoint { origin, repository: "main" });
        let line = |s: &ClientSetup| format!("{} {}: {}", s.client, s.purpose, s.command);
        setups.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("setup_on_loopback", text("http://127.0.0.1:8080"));
    let trusted = |origin: &str| text(origin).contains("--trusted-host packages.example");
    assert!(trusted("http://packages.example"));
    assert!(trusted("http://packages.example:8080"));
    assert!(!trusted("https://packages.example"));
    assert!(!text("http://localhost:8080").contains("trusted"));
    assert!(!text("http://[::1]:8080").contains("trusted"));
}
