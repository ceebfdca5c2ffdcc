//! The Python index and the distributions in it.

use provender_testing::archive::{TarBuilder, ZipBuilder};
use provender_testing::python::{
    Formats, PythonUpstream, RecordFlaw, SdistBuilder, WheelBuilder, normalized,
};
use provender_testing::sha256_hex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Status and body of a GET.
async fn get(upstream: &PythonUpstream, path: &str, accept: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(upstream.fake().address()).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.expect("an answer");
    let text = String::from_utf8_lossy(&got);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn demo() -> PythonUpstream {
    let upstream = PythonUpstream::start();
    upstream.add(WheelBuilder::new("De.mo", "1.0").requires_python(">=3.8").build());
    upstream.add(SdistBuilder::new("De.mo", "1.0").build());
    upstream
}

#[tokio::test]
async fn json_pages() {
    let upstream = demo();
    let (status, body) = get(&upstream, "/simple/de-mo/", JSON).await;
    assert_eq!(status, 200);
    let page: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(page["name"], "de-mo");
    assert_eq!(page["versions"], serde_json::json!(["1.0"]));
    let wheel = &page["files"][0];
    assert_eq!(wheel["filename"], "de_mo-1.0-py3-none-any.whl");
    assert_eq!(wheel["url"], "http://here/files/de_mo-1.0-py3-none-any.whl");
    assert_eq!(wheel["requires-python"], ">=3.8");
    assert_eq!(wheel["yanked"], false);
    assert!(wheel["size"].is_u64() && wheel["upload-time"].is_string());
    assert!(wheel["core-metadata"]["sha256"].is_string());
    let (_, list) = get(&upstream, "/simple/", JSON).await;
    assert!(list.contains(r#"{"name":"de-mo"}"#));
}

#[tokio::test]
async fn html_pages() {
    let upstream = demo();
    upstream.change("de_mo-1.0.tar.gz", |file| file.yanked = Some("too <old>".to_owned()));
    let (_, page) = get(&upstream, "/simple/de-mo/", "text/html").await;
    assert!(page.contains("data-requires-python=\"&gt;=3.8\""), "{page}");
    assert!(page.contains("data-yanked=\"too &lt;old&gt;\""), "{page}");
    assert!(page.contains("#sha256="), "{page}");
    upstream.formats(Formats {
        json: false,
        hashes: false,
        relative_links: true,
        metadata_files: false,
        ..Formats::default()
    });
    let (_, page) = get(&upstream, "/simple/de-mo/", JSON).await;
    assert!(page.contains("href=\"../../files/de_mo-1.0.tar.gz\""), "{page}");
    assert!(!page.contains("sha256"), "{page}");
}

#[tokio::test]
async fn files_and_their_metadata() {
    let upstream = demo();
    let name = "de_mo-1.0-py3-none-any.whl";
    let (_, metadata) = get(&upstream, &format!("/files/{name}.metadata"), "*/*").await;
    assert!(metadata.starts_with("Metadata-Version: 2.1\nName: De.mo\nVersion: 1.0\n"));
    assert_eq!(get(&upstream, "/files/de_mo-1.0.tar.gz.metadata", "*/*").await.0, 404);
    let told =
        sha256_hex(&WheelBuilder::new("De.mo", "1.0").requires_python(">=3.8").build().bytes);
    upstream.swap_bytes(name, "other");
    assert_eq!(get(&upstream, &format!("/files/{name}"), "*/*").await, (200, "other".to_owned()));
    assert!(get(&upstream, "/simple/de-mo/", JSON).await.1.contains(&told));
}

#[tokio::test]
async fn unknown_and_unusual_paths() {
    let upstream = demo();
    let check = async |path: &str, status| {
        assert_eq!(get(&upstream, path, JSON).await.0, status, "{path}");
    };
    check("/simple/other/", 404).await;
    check("/simple/De.mo/", 301).await;
    check("/simple/de-mo", 301).await;
    check("/files/other.whl", 404).await;
    check("/", 404).await;
    upstream.remove("DE_mo");
    check("/simple/de-mo/", 404).await;
}

#[test]
fn names() {
    let check = |name: &str, expected: &str| assert_eq!(normalized(name), expected);
    check("Demo", "demo");
    check("a_b.c--D", "a-b-c-d");
}

#[test]
fn wheels() {
    let text = |builder: WheelBuilder| String::from_utf8_lossy(&builder.build().bytes).into_owned();
    let demo = || WheelBuilder::new("demo", "1.0");
    assert_eq!(demo().build().bytes, demo().build().bytes);
    assert!(text(demo()).contains("demo-1.0.dist-info/RECORD"));
    assert!(!text(demo().record(RecordFlaw::Absent)).contains("demo-1.0.dist-info/RECORD"));
    assert!(demo().metadata_name("other").build().metadata.contains("Name: other\n"));
    assert!(demo().metadata_version("2").build().metadata.contains("Version: 2\n"));
}

/// These digests are of archives that other tools were seen to read.
#[test]
fn archives_are_the_same_everywhere() {
    let zip = ZipBuilder::new().stored("a.txt", "hello").symlink("l", "a.txt").finish();
    assert_eq!(sha256_hex(&zip), ZIP_SHA256);
    let long = "d/".repeat(80) + "f";
    let tar = TarBuilder::new().file("a.txt", "hello").symlink("l", "a.txt").file(&long, "x");
    assert_eq!(sha256_hex(&tar.finish()), TAR_SHA256);
}

const ZIP_SHA256: &str = "6a51f99c02d156d7d3a324c3c0e490599b58feb7222adf06b17807adcdaac451";
const TAR_SHA256: &str = "0784d0835e3878963e390996cf1a1fb4d34b67fd9064ee8ffce0ecbec6aac386";
