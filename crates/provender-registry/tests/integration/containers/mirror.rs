//! Images from upstreams.

use std::time::Duration;

use provender_domain::{EventKind, FileState, ProblemCode, Scope};
use provender_ecosystem::Method;
use provender_registry::{Answer as Answered, Extent, NewUpstream};
use provender_testing::{Answer, FakeUpstream};
use serde_json::json;

use super::upstream::{blob_path, manifest_path};
use super::{Image, ImageUpstream, digest};
use crate::client::refused;
use crate::registry::of_kind;
use crate::{TestRegistry, minutes};

/// How many bytes at the end of a layer wait for its digest.
const HELD_BACK_BYTES: usize = 64 << 10;

/// An image with one layer that is larger than what is held back.
fn large() -> Image {
    let layer: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).take(600_000).collect();
    Image::of("large", vec![layer])
}

fn layer_path(image: &Image) -> String {
    blob_path("team/app", &digest(&image.layers[0]))
}

#[tokio::test]
async fn an_image_is_fetched_once_and_then_nobody_is_asked() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let reader = registry.bearer(Some("main"), Scope::Read, None).await;
    let shelf = registry.shelf_for("main", reader);
    for _ in 0..3 {
        shelf.pull("team/app", &image.digest(), &image).await;
    }
    assert_eq!(upstream.fake.total(), 1 + image.blobs().count(), "{:?}", upstream.log());
    let mirrored = registry.events_of(EventKind::Mirrored, 1).await;
    assert_eq!(mirrored[0].event.detail.text("upstream"), Some("up"));
    assert_eq!(mirrored.len(), 1, "layers are no events");
    upstream.fake.offline().await;
    drop(shelf);
    let registry = registry.reopened().await;
    registry.clock.advance(minutes(99));
    registry.shelf().pull("team/app", &image.digest(), &image).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_head_alone_fetches_nothing() {
    let upstream = ImageUpstream::start();
    let image = large();
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.repository("front", provender_domain::Visibility::Public).await;
    registry.put_images_behind("front", "main").await;
    let (path, layer) = (layer_path(&image), digest(&image.layers[0]));
    let size_bytes = image.layers[0].len() as u64;
    let shelves = [registry.shelf(), registry.shelf_for("front", registry.anonymous())];
    for shelf in &shelves {
        assert_eq!(shelf.head("team/app", &layer).await.unwrap(), (size_bytes, true));
        let missing = shelf.head("team/app", &digest(b"never")).await;
        assert_eq!(refused(missing), ProblemCode::NotFound);
    }
    assert_eq!(registry.registry.streams_under_way(), 0);
    assert_eq!((upstream.asked("HEAD", &path), upstream.asked("GET", &path)), (2, 0));
    assert_eq!(registry.kept().await.len(), 0);
    // What is kept is told without asking.
    shelves[0].pull("team/app", "latest", &image).await;
    assert_eq!(shelves[0].head("team/app", &layer).await.unwrap(), (size_bytes, false));
    assert_eq!(shelves[1].head("team/app", &layer).await.unwrap(), (size_bytes, true));
    assert_eq!(upstream.asked("HEAD", &path), 2);

    // One that does not answer to such a request is asked for the bytes.
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let bytes = image.layers[0].clone();
    upstream.fake.on_request(&path, move |request| match request.method() {
        "HEAD" => Answer::status(403),
        _ => Answer::ok(bytes.clone()),
    });
    registry.shelf().stream("team/app", &layer).await.unwrap();
    let asked = registry.shelf().request(Method::Get, &format!("team/app/blobs/{layer}"), None);
    let asked = asked.unwrap().asking_for(Extent::Head);
    assert!(!matches!(registry.registry.read(asked).await.unwrap(), Answered::Head(_)));
    // One that is down is no word for what it has.
    upstream.fake.offline().await;
    let down =
        TestRegistry::mirroring_images(&upstream).await.shelf().head("team/app", &layer).await;
    assert_eq!(refused(down), ProblemCode::UpstreamFailed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_before_the_upstream_has_sent_all() {
    let upstream = ImageUpstream::start();
    let image = large();
    upstream.add("team/app", "latest", &image);
    let layer = &image.layers[0];
    let halting = Answer::ok(layer.clone()).dripping(100_000, Duration::from_millis(60));
    upstream.fake.on(&layer_path(&image), halting);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let stream = registry.shelf().stream("team/app", &digest(layer)).await.unwrap();
        streams.push(stream.expect("it is on its way"));
    }
    let first = streams[0].next().await.unwrap().unwrap();
    assert_eq!(&first[..], &layer[..first.len()]);
    assert_eq!(registry.kept().await.len(), 0, "it is not kept yet");
    for mut stream in streams {
        assert_eq!(stream.size_bytes, Some(layer.len() as u64));
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        assert!(bytes == *layer || first.len() + bytes.len() == layer.len());
    }
    assert_eq!(upstream.fake.hits(&layer_path(&image)), 1);
    registry.shelf().pull("team/app", "latest", &image).await;
    assert_eq!(upstream.fake.hits(&layer_path(&image)), 1);
    registry.assert_sound().await;
}

/// What a client gets of a layer before it is cut off, or an error without any byte.
async fn cut_short(registry: &TestRegistry, image: &Image) -> usize {
    let Ok(stream) = registry.shelf().stream("team/app", &digest(&image.layers[0])).await else {
        return 0;
    };
    let mut stream = stream.expect("it cannot be here");
    let mut received = 0;
    loop {
        match stream.next().await {
            Some(Ok(piece)) => received += piece.len(),
            Some(Err(_)) => return received,
            None => panic!("it came to an end after {received} bytes"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_the_last_bytes_of_a_lie() {
    let upstream = ImageUpstream::start();
    let image = large();
    upstream.add("team/app", "latest", &image);
    let mut lie = image.layers[0].clone();
    lie[3] ^= 1;
    for changed in [lie, image.layers[0][1..].to_vec()] {
        let length = changed.len();
        let slowly = Answer::ok(changed).dripping(200_000, Duration::from_millis(20));
        upstream.fake.on(&layer_path(&image), slowly);
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let (one, two) = tokio::join!(cut_short(&registry, &image), cut_short(&registry, &image));
        assert!(one.max(two) <= length - HELD_BACK_BYTES, "{one} and {two} of {length}");
        let red = registry.events_of(EventKind::DigestMismatch, 1).await;
        assert_eq!(red.len(), 1);
        assert!(red[0].event.kind.severity().is_some());
        let kept = registry.kept().await;
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].state, FileState::Quarantined);
        assert_eq!(registry.blobs().await, [""; 0], "none of its bytes are kept");
        // It is closed, also when the upstream thinks better of it.
        let asked = upstream.fake.total();
        let again = registry.shelf().blob("team/app", &digest(&image.layers[0])).await;
        assert_eq!(refused(again), ProblemCode::PolicyDenied);
        assert_eq!(upstream.fake.total(), asked);
        registry.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_is_not_kept_and_is_fetched_anew() {
    let image = large();
    let layer = image.layers[0].clone();
    #[allow(clippy::type_complexity, reason = "a table says what stands in it")]
    let bends: [(&str, fn(Answer) -> Answer); 5] = [
        ("truncated", |answer| answer.truncated_after(300_000)),
        ("truncated near the end", |answer| answer.truncated_after(599_999)),
        ("reset", |answer| answer.reset_after(300_000)),
        ("stalled", |answer| answer.stalling_after(300_000)),
        ("silent", Answer::stalling),
    ];
    for (what, bend) in bends {
        let upstream = ImageUpstream::start();
        upstream.add("team/app", "latest", &image);
        upstream.fake.on(&layer_path(&image), bend(Answer::ok(layer.clone())));
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let received = cut_short(&registry, &image).await;
        assert!(received <= layer.len() - HELD_BACK_BYTES, "{what}: {received}");
        let registry = registry.settled().await;
        assert_eq!(registry.kept().await.len(), 0, "{what}");
        registry.assert_sound().await;
        upstream.add("team/app", "latest", &image);
        registry.shelf().pull("team/app", "latest", &image).await;
        assert_eq!(of_kind(registry.events().await, EventKind::DigestMismatch).len(), 0);
        registry.assert_sound().await;
    }
}

/// A client that got no byte yet is told what happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_before_its_first_bytes_is_a_problem_and_no_stream() {
    let image = large();
    let layer = image.layers[0].clone();
    let bent = [
        ("truncated", Answer::ok(layer.clone()).truncated_after(0), ProblemCode::UpstreamFailed),
        ("soon", Answer::ok(layer.clone()).truncated_after(1000), ProblemCode::UpstreamFailed),
        ("reset", Answer::ok(layer).reset_after(0), ProblemCode::UpstreamFailed),
    ];
    for (what, answer, code) in bent {
        let upstream = ImageUpstream::start();
        upstream.add("team/app", "latest", &image);
        upstream.fake.on(&layer_path(&image), answer);
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let answer = registry.shelf().stream("team/app", &digest(&image.layers[0])).await;
        let problem = answer.err().unwrap_or_else(|| panic!("{what}: it was answered"));
        assert_eq!(problem.code, code, "{what}: {problem:?}");
        assert_eq!(registry.settled().await.kept().await.len(), 0, "{what}");
    }
}

/// Where an answer does not say its length, one that was cut off looks whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_another_size_than_promised_is_fetched_anew() {
    let image = large();
    let layer = image.layers[0].clone();
    let longer = [layer.clone(), vec![0]].concat();
    let bent = [
        ("cut off", Answer::ok(layer[..300_000].to_vec()).until_close()),
        ("nothing", Answer::ok("").until_close()),
        ("an error in its place", Answer::ok("try again")),
        ("longer", Answer::ok(longer).chunked()),
    ];
    for (what, answer) in bent {
        let upstream = ImageUpstream::start();
        upstream.add("team/app", "latest", &image);
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let shelf = registry.shelf();
        shelf.manifest("team/app", "latest").await.unwrap();
        upstream.fake.on(&layer_path(&image), answer);
        for _ in 0..2 {
            cut_short(&registry, &image).await;
        }
        let told = registry.events_of(EventKind::FetchFailed, 1).await;
        assert_eq!(told.len(), 1, "{what}");
        assert!(told[0].event.message.contains("which has 600000"), "{what}: {told:?}");
        upstream.add("team/app", "latest", &image);
        shelf.pull("team/app", "latest", &image).await;
        assert_eq!(of_kind(registry.events().await, EventKind::DigestMismatch).len(), 0, "{what}");
        registry.assert_sound().await;
    }
    // As many bytes that are others are a lie.
    let upstream = ImageUpstream::start();
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.shelf().manifest("team/app", "latest").await.unwrap();
    upstream.fake.on(&layer_path(&image), Answer::ok(vec![0; layer.len()]).until_close());
    cut_short(&registry, &image).await;
    registry.events_of(EventKind::DigestMismatch, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_upstream_leaves_room_for_the_others() {
    const PATIENCE: Duration = Duration::from_secs(5);
    let (slow, other) = (ImageUpstream::start(), ImageUpstream::start());
    let (large, image) =
        (Image::of("large", (0..5).map(|byte| vec![byte; 200_000]).collect()), Image::new("a"));
    slow.add("team/app", "latest", &large);
    other.add("team/app", "latest", &image);
    for layer in &large.layers {
        let slowly = Answer::ok(layer.clone()).dripping(1000, Duration::from_millis(100));
        slow.fake.on(&blob_path("team/app", &digest(layer)), slowly);
    }
    let registry = TestRegistry::tuned(|tuning| {
        tuning.concurrent_fetches = 4;
        tuning.fetch_wait = Duration::from_millis(300);
    });
    let registry = registry.await;
    registry.add_images(&slow).await;
    registry.repository("others", provender_domain::Visibility::Public).await;
    registry.add_images_as("others", "other", &other.fake.url("/")).await;
    let (mut streams, mut refusals) = (Vec::new(), 0);
    for layer in &large.layers {
        let (shelf, digest) = (registry.shelf(), digest(layer));
        let asked = tokio::time::timeout(PATIENCE, shelf.stream("team/app", &digest)).await;
        match asked.expect("nobody waits without end") {
            Ok(stream) => streams.push(stream.expect("it is on its way")),
            Err(problem) => {
                assert_eq!(problem.code, ProblemCode::Busy);
                assert!(problem.retry_after.is_some());
                refusals += 1;
            }
        }
    }
    assert_eq!((streams.len(), refusals), (2, 3));
    let others = registry.shelf_for("others", registry.operator());
    let pulled = tokio::time::timeout(PATIENCE, others.pull("team/app", "latest", &image)).await;
    pulled.expect("the other upstream is not slow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_leaves_does_not_take_the_layer_along() {
    let upstream = ImageUpstream::start();
    let image = large();
    upstream.add("team/app", "latest", &image);
    let layer = &image.layers[0];
    let slowly = Answer::ok(layer.clone()).dripping(100_000, Duration::from_millis(40));
    upstream.fake.on(&layer_path(&image), slowly);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    let mut leaves = shelf.stream("team/app", &digest(layer)).await.unwrap().unwrap();
    let stays = shelf.stream("team/app", &digest(layer)).await.unwrap();
    leaves.next().await.unwrap().unwrap();
    drop(leaves);
    let mut stays = stays.unwrap();
    let mut received = 0;
    while let Some(piece) = stays.next().await {
        received += piece.unwrap().len();
    }
    assert_eq!(received, layer.len());
    // One who leaves alone finds it there later.
    upstream.fake.forget();
    drop(shelf.stream("team/app", &digest(&image.config)).await);
    let registry = registry.settled().await;
    shelf_has(&registry, &image.config).await;
    assert_eq!(upstream.fake.total(), 1);
    registry.assert_sound().await;
}

async fn shelf_has(registry: &TestRegistry, blob: &[u8]) {
    assert_eq!(registry.shelf().blob("team/app", &digest(blob)).await.unwrap(), blob);
}

#[tokio::test]
async fn credentials_do_not_follow_a_realm_of_another_host() {
    let (upstream, realm) = (FakeUpstream::start(), FakeUpstream::start());
    let image = Image::new("a");
    let challenge =
        format!("Bearer realm=\"{}\",scope=\"repository:team/app:pull\"", realm.url("/token"));
    let manifest = image.manifest.clone();
    upstream.otherwise(move |request| match request.header("Authorization") {
        Some("Bearer a-token") => super::upstream::manifest_answer(&manifest),
        _ => Answer::status(401).header("WWW-Authenticate", challenge.clone()),
    });
    realm.on("/token", Answer::json(&json!({ "token": "a-token" })));
    let url = upstream.url("/").replace("http://", "http://user:a-password@");
    let add = async |registry: &TestRegistry, allow_private_addresses| {
        registry
            .add(NewUpstream {
                repository: "main".to_owned(),
                ecosystem: "oci".to_owned(),
                url: Some(url.clone()),
                allow_private_addresses,
                ..NewUpstream::default()
            })
            .await;
    };
    // A realm that nobody named is at a private address: it is not gone to.
    let registry = TestRegistry::open().await;
    add(&registry, false).await;
    let refusal = registry.shelf().manifest("team/app", "latest").await;
    assert_eq!(refused(refusal), ProblemCode::UpstreamFailed);
    assert_eq!(realm.total(), 0);
    // Where it may be gone to, it is asked as by nobody.
    let registry = TestRegistry::open().await;
    add(&registry, true).await;
    registry.shelf().manifest("team/app", "latest").await.unwrap();
    assert!(realm.total() > 0);
    for request in realm.requests() {
        assert_eq!(request.header("Authorization"), None);
        assert!(!request.mentions("a-password") && !request.mentions("YS1wYXNzd29yZA"));
    }
}

fn host(upstream: &ImageUpstream) -> String {
    upstream.fake.address().to_string()
}

/// `main` asks `one`, then `two`.
async fn mirroring_both(one: &ImageUpstream, two: &ImageUpstream) -> TestRegistry {
    let registry = TestRegistry::open().await;
    registry.add_images_as("main", "one", &one.fake.url("/")).await;
    registry.add_images_as("main", "two", &two.fake.url("/")).await;
    registry
}

#[tokio::test]
async fn a_client_may_say_which_upstream_is_meant() {
    let (one, two) = (ImageUpstream::start(), ImageUpstream::start());
    let image = Image::new("two");
    two.add("team/app", "latest", &image);
    let registry = mirroring_both(&one, &two).await;
    let shelf = registry.shelf();
    for unknown in ["upstream.example", "upstream.example:5000"] {
        let meant = shelf.instead_of(unknown).manifest("team/app", "latest").await;
        assert_eq!(refused(meant), ProblemCode::NotFound);
    }
    assert_eq!((one.fake.total(), two.fake.total()), (0, 0));
    let (of_one, of_two) = (shelf.instead_of(&host(&one)), shelf.instead_of(&host(&two)));
    assert_eq!(refused(of_one.manifest("team/app", "latest").await), ProblemCode::NotFound);
    assert_eq!(two.fake.total(), 0);
    of_two.pull("team/app", "latest", &image).await;
    // The name is its from now on, whatever is said.
    shelf.pull("team/app", "latest", &image).await;
    one.fake.forget();
    one.add("team/app", "latest", &Image::new("one"));
    assert_eq!(refused(of_one.manifest("team/app", "latest").await), ProblemCode::NotFound);
    assert_eq!(refused(of_one.tags("team/app").await), ProblemCode::NotFound);
    assert_eq!(of_two.tags("team/app").await.unwrap(), ["latest"]);
    assert_eq!(one.fake.total(), 0);
    // What it has no more goes on being served as its own, and as nobody else's.
    for path in [manifest_path("team/app", "latest"), "/v2/team/app/tags/list".to_owned()] {
        two.fake.remove(&path);
    }
    registry.clock.advance(minutes(20));
    of_two.pull("team/app", "latest", &image).await;
    assert_eq!(of_two.tags("team/app").await.unwrap(), ["latest"]);
    assert_eq!(refused(of_one.manifest("team/app", "latest").await), ProblemCode::NotFound);
}

#[tokio::test]
async fn naming_an_upstream_takes_nothing_that_those_before_it_have() {
    let (one, two) = (ImageUpstream::start(), ImageUpstream::start());
    let (first, second) = (Image::new("one"), Image::new("two"));
    one.add("team/app", "latest", &first);
    for image in [&second, &first] {
        two.add("team/app", "latest", image);
    }
    let behind = mirroring_both(&one, &two).await;
    behind.repository("front", provender_domain::Visibility::Public).await;
    behind.put_images_behind("front", "main").await;
    behind.add_images_as("front", "two", &two.fake.url("/")).await;
    for repository in ["front", "main"] {
        let shelf = behind.shelf_for(repository, behind.anonymous());
        let of_two = shelf.instead_of(&host(&two));
        let (manifest, blob) = (first.digest(), digest(&first.config));
        assert_eq!(refused(of_two.manifest("team/app", "latest").await), ProblemCode::NotFound);
        assert_eq!(refused(of_two.manifest("team/app", &manifest).await), ProblemCode::NotFound);
        assert_eq!(refused(of_two.blob("team/app", &blob).await), ProblemCode::NotFound);
        assert_eq!(refused(of_two.tags("team/app").await), ProblemCode::NotFound);
        assert_eq!(two.fake.total(), 0, "{repository}: {:?}", two.log());
    }
    assert_eq!(behind.kept().await.len(), 0);
    behind.shelf().instead_of(&host(&one)).pull("team/app", "latest", &first).await;
    behind.shelf().pull("team/app", "latest", &first).await;
}

#[tokio::test]
async fn one_that_fails_before_the_named_upstream_ends_the_search() {
    let (one, two) = (ImageUpstream::start(), ImageUpstream::start());
    let (first, second) = (Image::new("one"), Image::new("two"));
    two.add("team/app", "latest", &second);
    one.fake.otherwise(|_| Answer::status(503));
    let registry = mirroring_both(&one, &two).await;
    let of_two = registry.shelf().instead_of(&host(&two));
    let outcomes = [
        of_two.manifest("team/app", "latest").await.map(drop),
        of_two.manifest("team/app", &second.digest()).await.map(drop),
        of_two.blob("team/app", &digest(&second.config)).await.map(drop),
        of_two.tags("team/app").await.map(drop),
    ];
    for outcome in outcomes {
        assert_eq!(refused(outcome), ProblemCode::UpstreamFailed);
    }
    assert_eq!(two.fake.total(), 0, "{:?}", two.log());
    one.fake.otherwise(|_| Answer::status(404));
    one.add("team/app", "latest", &first);
    registry.clock.advance(minutes(20));
    registry.shelf().pull("team/app", "latest", &first).await;
}

#[tokio::test]
async fn nobody_at_an_upstream_is_told_apart_from_nothing_there() {
    let (shy, open) = (ImageUpstream::start(), ImageUpstream::start());
    let image = Image::new("a");
    open.add("team/app", "latest", &image);
    // As large registries answer for what is not there, once a token was given.
    let realm = shy.fake.url("/token");
    shy.fake.on("/token", Answer::json(&json!({ "token": "nobody's" })));
    shy.fake.otherwise(move |_| {
        let challenge = format!("Bearer realm=\"{realm}\",error=\"insufficient_scope\"");
        Answer::status(401).header("WWW-Authenticate", challenge)
    });
    let registry = TestRegistry::open().await;
    registry.add_images_as("main", "shy", &shy.fake.url("/")).await;
    let shelf = registry.shelf();
    let (manifest, blob) = (image.digest(), digest(&image.config));
    assert_eq!(refused(shelf.manifest("team/app", "latest").await), ProblemCode::NotFound);
    assert_eq!(refused(shelf.manifest("team/app", &manifest).await), ProblemCode::NotFound);
    assert_eq!(refused(shelf.blob("team/app", &blob).await), ProblemCode::NotFound);
    assert_eq!(refused(shelf.tags("team/app").await), ProblemCode::NotFound);
    assert_eq!(shelf.referrers("team/app", &manifest).await.unwrap(), [""; 0]);
    assert_eq!(of_kind(registry.events().await, EventKind::UpstreamFailing).len(), 0);
    registry.add_images_as("main", "open", &open.fake.url("/")).await;
    shelf.pull("team/app", "latest", &image).await;
    // Where there are credentials, it is they that are refused.
    let registry = TestRegistry::open().await;
    let url = shy.fake.url("/").replace("http://", "http://user:a-password@");
    registry.add_images_as("main", "shy", &url).await;
    let refusal = registry.shelf().manifest("team/app", "latest").await;
    assert_eq!(refused(refusal), ProblemCode::UpstreamFailed);
}

#[tokio::test]
async fn what_refers_to_an_image_comes_from_its_upstream_too() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    let sbom = Image::about(&image.manifest, "application/spdx+json", b"{}");
    upstream.add("team/app", "latest", &image);
    upstream.add("team/app", "sbom", &sbom);
    let mut listed = super::image::descriptor(super::image::MANIFEST, &sbom.manifest);
    listed["artifactType"] = "application/spdx+json".into();
    upstream.refer("team/app", &image.digest(), &[listed]);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    let referrers = async || shelf.referrers("team/app", &image.digest()).await.unwrap();
    assert_eq!(referrers().await, [sbom.digest()]);
    shelf.pull("team/app", &sbom.digest(), &sbom).await;
    shelf.pull("team/app", "latest", &image).await;
    registry.clock.advance(minutes(2));
    assert!(referrers().await.contains(&sbom.digest()));
    // What is kept is shown while the upstream fails.
    upstream.fake.offline().await;
    registry.clock.advance(minutes(2));
    assert!(referrers().await.contains(&sbom.digest()));
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_refers_to_an_image_is_read_over_all_pages() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    let about =
        |text: &str| Image::about(&image.manifest, "application/spdx+json", text.as_bytes());
    let all: Vec<Image> = ["1", "2", "3"].map(about).to_vec();
    upstream.add("team/app", "latest", &image);
    let path = format!("/v2/team/app/referrers/{}", image.digest());
    let (listed, here) = (all.clone(), path.clone());
    // One on each page, and pages without end behind them.
    upstream.fake.on_request(&path, move |request| {
        let page =
            request.target().split_once("last=").map_or(0, |(_, last)| last.parse().unwrap());
        let listed = listed
            .get(page)
            .map(|one: &Image| super::image::descriptor(super::image::MANIFEST, &one.manifest));
        let list = json!({
            "schemaVersion": 2,
            "mediaType": super::image::INDEX,
            "manifests": listed.into_iter().collect::<Vec<_>>(),
        });
        let link = format!("<{here}?last={}>; rel=\"next\"", page + 1);
        let answer = Answer::ok(list.to_string()).header("Content-Type", super::image::INDEX);
        answer.header("Link", link)
    });
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let mut expected: Vec<String> = all.iter().map(Image::digest).collect();
    expected.sort();
    let found = registry.shelf().referrers("team/app", &image.digest()).await.unwrap();
    assert_eq!(found, expected);
    assert_eq!(upstream.fake.hits(&path), 16);
}

#[tokio::test]
async fn a_repository_in_front_passes_images_on() {
    let upstream = ImageUpstream::start();
    let image = Image::new("theirs");
    upstream.add("team/theirs", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.repository("front", provender_domain::Visibility::Public).await;
    registry.put_images_behind("front", "main").await;
    let (behind, front) = (registry.shelf(), registry.shelf_for("front", registry.anonymous()));
    let (ours, later) = (Image::new("ours"), Image::new("later"));
    behind.push("team/ours", "latest", &ours).await.unwrap();
    behind.push("team/ours", "v1", &ours).await.unwrap();
    assert_eq!(front.tags("team/ours").await.unwrap(), ["latest", "v1"]);
    front.pull("team/ours", "latest", &ours).await;
    front.pull("team/theirs", "latest", &image).await;
    behind.push("team/ours", "latest", &later).await.unwrap();
    front.pull("team/ours", "latest", &later).await;
    behind.remove("team/ours", "manifests/v1").await.unwrap();
    assert_eq!(front.tags("team/ours").await.unwrap(), ["latest"]);
    let asked = upstream.fake.hits(&manifest_path("team/theirs", &image.digest()));
    assert_eq!(asked, 1);
    let under_way = registry.registry.streams_under_way();
    assert_eq!(under_way, 0, "nothing is remembered of what is done");
    registry.assert_sound().await;
}
