//! Names from hell in every parameter of every public call: a clear refusal or an honest answer,
//! never a panic, never a word to the upstream that is not a name's normal form.

use std::borrow::Cow;

use provender_domain::{ProblemCode, Scope, Visibility};
use provender_ecosystem::{Form, Headers, Method, Operation, Path, RequestHead};
use provender_registry::{FilesWanted, NewToken, NewUpstream};
use provender_testing::python::PythonUpstream;

use crate::client::form;
use crate::{TestRegistry, wheel};

/// Texts that have broken somebody's registry before.
fn names_from_hell() -> Vec<String> {
    let texts = [
        "",
        " ",
        ".",
        "..",
        "...",
        "/",
        "//",
        "../..",
        "..%2f..",
        "%2e%2e",
        "%2F",
        "%252F",
        "%00",
        "%",
        "\0",
        "\n",
        "\r\n",
        "a\0b",
        "a\nb",
        "a b",
        "\ta",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:\\x",
        "~",
        "-",
        "--help",
        "_",
        "*",
        "**",
        "a*b",
        "*a",
        "main/../secret",
        "main%2Fsecret",
        "MAIN",
        "main ",
        "main.",
        "v2",
        "V2",
        "ｍain",
        "mаin",
        "ä",
        "\u{202e}niam",
        "\u{feff}main",
        "ma\u{200b}in",
        "😀",
        "é",
        "e\u{301}",
        "ǆ",
        "ﬁ",
        "İ",
        "ß",
        "'",
        "\"",
        "`",
        "$(id)",
        "; DROP TABLE files",
        "' OR 1=1 --",
        "<script>",
        "{{7*7}}",
        "${x}",
        "a?b",
        "a#b",
        "a@b",
        "a:b",
        "http://upstream.example/",
        "1e309",
        "NaN",
    ];
    let mut texts: Vec<String> = texts.map(str::to_owned).to_vec();
    for length in [64, 65, 255, 256, 257, 10_000] {
        texts.push("a".repeat(length));
        texts.push("ä".repeat(length));
        texts.push("../".repeat(length));
        texts.push("a-".repeat(length));
    }
    texts
}

/// Codes that a bad name may be answered with.
const FIT: [ProblemCode; 7] = [
    ProblemCode::NotFound,
    ProblemCode::InvalidRequest,
    ProblemCode::InvalidPackage,
    ProblemCode::Conflict,
    ProblemCode::PolicyDenied,
    ProblemCode::AuthenticationRequired,
    ProblemCode::TooLarge,
];

#[track_caller]
fn assert_fit<T>(what: &str, text: &str, outcome: Result<T, provender_domain::Problem>) {
    let Err(problem) = outcome else { return };
    let text: String = text.chars().take(40).collect();
    assert!(FIT.contains(&problem.code), "{what} {text:?}: {problem:?}");
    let is_one_line = !problem.public.chars().any(char::is_control);
    assert!(is_one_line, "{what} {text:?}: {:?}", problem.public);
    assert!(problem.public.len() < 1000, "{what} {text:?}: {} bytes", problem.public.len());
}

#[tokio::test]
async fn administration() {
    let upstream = PythonUpstream::start();
    let registry = TestRegistry::mirroring(&upstream).await;
    let (api, operator) = (&registry.registry, registry.operator());
    for text in names_from_hell() {
        let text = text.as_str();
        let check = |what: &str, outcome: Result<(), _>| assert_fit(what, text, outcome);
        check("identify", api.identify(Some(text), None).map(drop));
        check("may read", api.may_read(&operator, text));
        for repository in ["main", text] {
            for ecosystem in ["pypi", text] {
                check("own", api.own(&operator, repository, ecosystem, text).await.map(drop));
                check("disown", api.disown(&operator, repository, ecosystem, text).await);
                let package =
                    api.package(&operator, repository, ecosystem, text, FilesWanted::ALL).await;
                check("package", package.map(drop));
                let packages = api.packages(&operator, repository, ecosystem).await;
                check("packages", packages.map(drop));
                let remove = api.remove_upstream(&operator, repository, ecosystem, text).await;
                check("remove upstream", remove);
                let origin =
                    api.set_origin(&operator, repository, ecosystem, text, Some(text)).await;
                check("origin", origin);
            }
            check("upstreams", api.upstreams(&operator, repository).map(drop));
            check("owned", api.owned_names(&operator, repository).map(drop));
            check("names", api.check_names(&operator, repository).await.map(drop));
        }
        check("quarantined", api.quarantined(&operator, Some(text)).await.map(drop));
        check("revoke", api.revoke_token(&operator, text).await.map(drop));
        let token = NewToken {
            name: text.to_owned(),
            repository: None,
            scope: Scope::Read,
            pattern: Some(text.to_owned()),
            lifetime: None,
        };
        check("token", api.create_token(&operator, token.clone()).await.map(drop));
        let token = NewToken { repository: Some(text.to_owned()), ..token };
        check("token of", api.create_token(&operator, token).await.map(drop));
        let base = NewUpstream {
            repository: "main".to_owned(),
            ecosystem: "pypi".to_owned(),
            ..NewUpstream::default()
        };
        let variants = [
            NewUpstream { url: Some(text.to_owned()), ..base.clone() },
            NewUpstream { from_repository: Some(text.to_owned()), ..base.clone() },
            NewUpstream {
                name: Some(text.to_owned()),
                url: Some(upstream.index_url()),
                ..base.clone()
            },
            NewUpstream {
                ecosystem: text.to_owned(),
                url: Some(upstream.index_url()),
                ..base.clone()
            },
            NewUpstream { repository: text.to_owned(), url: Some(upstream.index_url()), ..base },
        ];
        for variant in variants {
            if let Ok(added) = api.add_upstream(&operator, variant).await {
                let name = added.name.as_str();
                api.remove_upstream(&operator, "main", "pypi", name).await.unwrap();
            }
        }
        check(
            "create",
            api.create_repository(&operator, text, Visibility::Private).await.map(drop),
        );
        check(
            "visibility",
            api.set_visibility(&operator, text, Visibility::Private).await.map(drop),
        );
    }
    for repository in api.repositories(&operator) {
        let name = repository.name.as_str();
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        assert!(is_plain && name.len() <= 64, "{name:?} was made");
    }
    assert_eq!(upstream.fake().total(), 0, "administration asks nobody");
    registry.assert_sound().await;
    registry.reopened().await.assert_sound().await;
}

#[tokio::test]
async fn publications() {
    let registry = TestRegistry::open().await;
    let demo = wheel("demo", "1.0");
    let fields = [
        ":action",
        "protocol_version",
        "name",
        "version",
        "filetype",
        "sha256_digest",
        "md5_digest",
    ];
    for text in names_from_hell() {
        let publish = async |form: Form| {
            let outcome = registry.main().publish_form(form, demo.bytes.clone()).await;
            assert_fit("publish", &text, outcome);
        };
        for field in fields {
            let mut form = form(&demo);
            form.fields.retain(|(key, _)| key != field);
            form.fields.push((field.to_owned(), text.clone()));
            publish(form).await;
        }
        publish(Form { file_name: Some(text.clone()), ..form(&demo) }).await;
        publish(Form { file_name: Some(format!("{text}{}", demo.file_name)), ..form(&demo) }).await;
    }
    let kept = registry.kept().await;
    assert!(kept.iter().all(|kept| kept.file.name.as_str() == demo.file_name), "{kept:#?}");
    registry.assert_sound().await;
}

struct NoHeaders;

impl Headers for NoHeaders {
    fn field(&self, _: &str) -> Option<&str> {
        None
    }
}

/// What the server makes of a request's path: parsed, routed, authorized and read.
async fn get(registry: &TestRegistry, target: &str) -> Result<(), provender_domain::Problem> {
    let refuse = |error: provender_ecosystem::PathError| {
        provender_domain::Problem::new(ProblemCode::InvalidRequest, error.to_string())
    };
    let path = Path::parse(target).map_err(refuse)?;
    let [repository, ecosystem, rest @ ..] = &path.segments[..] else { return Ok(()) };
    let rest: Vec<Cow<'_, str>> = rest.to_vec();
    let missing = || provender_domain::Problem::not_found("no such ecosystem");
    let found = registry.registry.ecosystem(ecosystem).ok_or_else(missing)?;
    let head = RequestHead {
        method: Method::Get,
        segments: &rest,
        trailing_slash: path.trailing_slash,
        query: None,
        headers: &NoHeaders,
    };
    let operation: Operation = found.route(&head)?;
    let client = registry.client(repository, registry.anonymous());
    registry.registry.read(client.authorize(operation)?).await.map(drop)
}

#[tokio::test]
async fn paths() {
    let upstream = PythonUpstream::start();
    let registry = TestRegistry::mirroring(&upstream).await;
    let secret = registry.repository("secret", Visibility::Private).await;
    let demo = wheel("demo", "1.0");
    secret.publish(&demo).await.unwrap();
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    for text in names_from_hell() {
        for written in [text.clone(), encode(&text), encode(&encode(&text))] {
            let targets = [
                format!("/{written}/pypi/simple/demo/"),
                format!("/main/{written}/simple/demo/"),
                format!("/main/pypi/{written}/demo/"),
                format!("/main/pypi/simple/{written}/"),
                format!("/main/pypi/simple/{written}"),
                format!("/main/pypi/files/{written}/{}", demo.file_name),
                format!("/main/pypi/files/demo/{written}"),
                format!("/main/pypi/files/demo/{written}.metadata"),
                format!("/main/pypi/{written}/../../secret/pypi/files/demo/{}", demo.file_name),
                format!("/main/pypi/files/demo/{}{written}", demo.file_name),
            ];
            for target in targets {
                assert_fit("get", &target, get(&registry, &target).await);
            }
        }
    }
    for request in upstream.fake().requests() {
        let name = request.path().strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/'));
        let name = name.unwrap_or_else(|| panic!("{:?} was asked for", request.target()));
        let is_normal =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(is_normal && !name.is_empty() && request.target() == request.path(), "{name:?}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_private_path_opens_it() {
    let registry = TestRegistry::open().await;
    let secret = registry.repository("secret", Visibility::Private).await;
    let demo = wheel("demo", "1.0");
    secret.publish(&demo).await.unwrap();
    let public = registry.main();
    public.publish(&wheel("other", "1.0")).await.unwrap();
    let spellings = [
        "secret",
        "%73ecret",
        "%73%65%63%72%65%74",
        "%2573ecret",
        "SECRET",
        "Secret",
        "secret%00",
        "secret%20",
        "secret.",
        "secret%2F",
        "secret%2f.",
        "./secret",
        "main/../secret",
        "main/%2e%2e/secret",
        "main%2F..%2Fsecret",
        "%2Fsecret",
        "/secret",
        "secret;a=b",
        "secret%3f",
        "ｓecret",
        "%EF%BD%93ecret",
        "-/secret",
        "v2/secret",
    ];
    for spelling in spellings {
        for rest in ["pypi/simple/demo/".to_owned(), format!("pypi/files/demo/{}", demo.file_name)]
        {
            let target = format!("/{spelling}/{rest}");
            let outcome = get(&registry, &target).await;
            assert!(outcome.is_err(), "{target} was answered");
        }
    }
    assert!(get(&registry, "/main/pypi/simple/other/").await.is_ok(), "the public one is open");
}
