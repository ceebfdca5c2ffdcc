//! Tags: here, and as an upstream has them.

use std::time::Duration;

use provender_domain::{EventKind, ProblemCode, RepositoryPolicy, Scope, TagRule};
use provender_ecosystem::Change;
use provender_testing::Answer;

use super::upstream::{manifest_answer, manifest_path};
use super::{Image, ImageUpstream, digest};
use crate::client::{message, refused};
use crate::registry::of_kind;
use crate::{TestRegistry, minutes, seconds};

/// Tags of `main` do not move from now on.
pub(super) async fn make_immutable(registry: &TestRegistry) {
    let policy = RepositoryPolicy { tags: TagRule::Immutable, ..RepositoryPolicy::default() };
    let set = registry.registry.set_policy(&registry.operator(), "main", policy).await;
    set.unwrap();
}

/// What became of the tags of `team/app`, the newest last: `tag → first digits of its digest`.
async fn history(registry: &TestRegistry) -> Vec<String> {
    let operator = registry.operator();
    let found = registry.registry.tag_history(&operator, "main", "oci", "team/app", None).await;
    let entry = |change: &provender_store::TagChange| {
        let file = change.file.as_ref().map_or("-", |file| &file.as_str()[16..24]);
        format!("{} → {file}", change.tag)
    };
    let mut entries: Vec<String> = found.unwrap().iter().map(entry).collect();
    entries.reverse();
    entries
}

fn short(image: &Image) -> String {
    image.digest()[7..15].to_owned()
}

#[tokio::test]
async fn a_tag_that_moves_has_a_history_and_is_told_of() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let (one, two) = (Image::new("one"), Image::new("two"));
    shelf.push("team/app", "latest", &one).await.unwrap();
    assert_eq!(of_kind(registry.events().await, EventKind::TagMoved).len(), 0);
    shelf.push("team/app", "latest", &two).await.unwrap();
    shelf.put("team/app", "latest", &two.manifest).await.unwrap();
    shelf.pull("team/app", "latest", &two).await;
    // Back to what is here already.
    shelf.put("team/app", "latest", &one.manifest).await.unwrap();
    shelf.pull("team/app", "latest", &one).await;
    shelf.remove("team/app", "manifests/latest").await.unwrap();
    assert_eq!(refused(shelf.manifest("team/app", "latest").await), ProblemCode::NotFound);
    shelf.pull("team/app", &one.digest(), &one).await;
    let again = shelf.remove("team/app", "manifests/latest").await;
    assert_eq!(refused(again), ProblemCode::NotFound);

    let moved = of_kind(registry.events().await, EventKind::TagMoved);
    let ends: Vec<_> = moved.iter().map(|event| event.event.detail.text("before")).collect();
    let (first, second) =
        (format!("manifest@{}", one.digest()), format!("manifest@{}", two.digest()));
    assert_eq!(ends, [Some(&*first), Some(&*second)]);
    assert_eq!(of_kind(registry.events().await, EventKind::TagRemoved).len(), 1);
    drop(shelf);
    let registry = registry.reopened().await;
    let (one, two) = (short(&one), short(&two));
    let expected = [&*one, &*two, &*one, "-"].map(|end| format!("latest → {end}"));
    assert_eq!(history(&registry).await, expected);
}

#[tokio::test]
async fn an_immutable_tag_stays_and_the_attempt_is_a_red_flag() {
    let registry = TestRegistry::open().await;
    make_immutable(&registry).await;
    let (one, two) = (Image::new("one"), Image::new("two"));
    let publisher = registry.bearer(Some("main"), Scope::Publish, None).await;
    let shelf = registry.shelf_for("main", publisher);
    shelf.push("team/app", "v1", &one).await.unwrap();
    shelf.put("team/app", "v1", &one.manifest).await.unwrap();
    let signed = super::manifests::log_size(&registry).await;
    let refusal = shelf.push("team/app", "v1", &two).await;
    assert!(message(refusal).contains("immutable"));
    assert_eq!(super::manifests::log_size(&registry).await, signed, "nothing is signed");
    let red = registry.events_of(EventKind::ImmutableTagMoved, 1).await;
    assert_eq!(red[0].event.detail.text("tag"), Some("v1"));
    assert!(red[0].event.kind.severity().is_some());
    shelf.pull("team/app", "v1", &one).await;
    // As is one to what is here already; by digest and under a new tag it may come.
    shelf.put("team/app", &two.digest(), &two.manifest).await.unwrap();
    let refusal = shelf.put("team/app", "v1", &two.manifest).await;
    assert_eq!(refused(refusal), ProblemCode::Conflict);
    shelf.put("team/app", "v2", &two.manifest).await.unwrap();
    // Taking it away would free it: that is an administrator's.
    for what in ["manifests/v1".to_owned(), format!("manifests/{}", one.digest())] {
        let refusal = shelf.remove("team/app", &what).await;
        assert_eq!(refused(refusal), ProblemCode::PermissionDenied, "{what}");
    }
    shelf.pull("team/app", "v1", &one).await;
    drop(shelf);
    let registry = registry.reopened().await;
    registry.shelf().pull("team/app", "v1", &one).await;
    registry.shelf().remove("team/app", "manifests/v1").await.unwrap();
    registry.shelf().put("team/app", "v1", &two.manifest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_push_an_immutable_tag_at_once_one_does() {
    let registry = TestRegistry::open().await;
    make_immutable(&registry).await;
    for round in 0..8 {
        let mut pushing = tokio::task::JoinSet::new();
        for writer in 0..3 {
            let (shelf, image) = (registry.shelf(), Image::new(&format!("{round} {writer}")));
            pushing.spawn(async move {
                let outcome = shelf.push("team/app", &format!("v{round}"), &image).await;
                if let Err(problem) = &outcome {
                    assert_eq!(problem.code, ProblemCode::Conflict, "{problem:?}");
                }
                outcome.ok().map(|_| image)
            });
        }
        let pushed: Vec<Image> = pushing.join_all().await.into_iter().flatten().collect();
        let [image] = pushed.as_slice() else { panic!("{} were pushed", pushed.len()) };
        registry.shelf().pull("team/app", &format!("v{round}"), image).await;
    }
    let registry = registry.settled().await;
    assert_eq!(of_kind(registry.events().await, EventKind::ImmutableTagMoved).len(), 16);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_mirrored_tag_is_asked_for_once_a_minute_by_its_head_alone() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    let by_tag = manifest_path("team/app", "latest");
    let check = async |wait: Duration, expected: &[String]| {
        registry.clock.advance(wait);
        upstream.fake.forget();
        for _ in 0..3 {
            shelf.pull("team/app", "latest", &image).await;
        }
        assert_eq!(upstream.log(), expected, "after {wait:?}");
    };
    shelf.pull("team/app", "latest", &image).await;
    let asked = upstream.log();
    assert_eq!(asked.iter().filter(|line| line.starts_with("HEAD")).count(), 1, "{asked:?}");
    assert_eq!(upstream.asked("GET", &by_tag), 0, "by its digest alone: {asked:?}");
    let head = [format!("HEAD {by_tag}")];
    check(seconds(0), &[]).await;
    check(seconds(59), &[]).await;
    check(seconds(2), &head).await;
    check(seconds(59), &[]).await;
    check(minutes(5), &head).await;
    drop(shelf);
    let registry = registry.reopened().await;
    upstream.fake.forget();
    registry.shelf().pull("team/app", "latest", &image).await;
    assert_eq!(upstream.fake.total(), 0, "freshness survives a restart");
}

#[tokio::test]
async fn a_tag_of_an_upstream_that_answers_no_heads_is_asked_for_whole() {
    for status in [405, 501] {
        let upstream = ImageUpstream::start();
        let images = ["one", "two"].map(Image::new);
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let by_tag = manifest_path("team/app", "latest");
        for image in &images {
            upstream.add("team/app", "latest", image);
            let answer = manifest_answer(&image.manifest);
            upstream.fake.on_request(&by_tag, move |request| match request.method() {
                "HEAD" => Answer::status(status),
                _ => answer.clone(),
            });
            registry.clock.advance(minutes(2));
            let found = registry.shelf().manifest("team/app", "latest").await.unwrap();
            assert_eq!(digest(&found.identity), image.digest(), "{status}");
            assert_eq!(found.stale, None, "{status}");
        }
        let failing = of_kind(registry.events().await, EventKind::UpstreamFailing);
        assert_eq!(failing.len(), 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_ask_for_a_tag_its_upstream_is_asked_once() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let by_tag = manifest_path("team/app", "latest");
    let slow = manifest_answer(&image.manifest).after(Duration::from_millis(100));
    upstream.fake.on(&by_tag, slow);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    for round in 1..=3 {
        let mut pulling = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (shelf, image) = (registry.shelf(), image.clone());
            pulling.spawn(async move { shelf.pull("team/app", "latest", &image).await });
        }
        pulling.join_all().await;
        assert_eq!(upstream.asked("HEAD", &by_tag), round);
        registry.clock.advance(minutes(2));
    }
    assert_eq!(upstream.asked("GET", &manifest_path("team/app", &image.digest())), 1);
}

/// An upstream whose `latest` points to the first of these images and was pulled.
async fn pulled_once() -> (ImageUpstream, TestRegistry, [Image; 2]) {
    let upstream = ImageUpstream::start();
    let images = ["one", "two"].map(Image::new);
    upstream.add("team/app", "latest", &images[0]);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.shelf().pull("team/app", "latest", &images[0]).await;
    (upstream, registry, images)
}

#[tokio::test]
async fn a_tag_that_its_upstream_moves_is_followed() {
    let (upstream, registry, [one, two]) = pulled_once().await;
    let shelf = registry.shelf();
    upstream.add("team/app", "latest", &two);
    shelf.pull("team/app", "latest", &one).await;
    registry.clock.advance(minutes(2));
    shelf.pull("team/app", "latest", &two).await;
    // What it pointed to stays.
    shelf.pull("team/app", &one.digest(), &one).await;
    let moved = of_kind(registry.events().await, EventKind::TagMoved);
    assert_eq!(moved.len(), 1);
    assert!(moved[0].event.message.contains("upstream"), "{}", moved[0].event.message);
    assert_eq!(history(&registry).await.len(), 2);
    registry.assert_sound().await;
}

#[tokio::test]
async fn an_immutable_tag_is_not_followed_and_that_is_told_once() {
    let upstream = ImageUpstream::start();
    let (one, two, three) = (Image::new("one"), Image::new("two"), Image::new("three"));
    upstream.add("team/app", "latest", &one);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    make_immutable(&registry).await;
    let shelf = registry.shelf();
    shelf.pull("team/app", "latest", &one).await;
    let told = async || of_kind(registry.events().await, EventKind::ImmutableTagMoved).len();
    for (moved_to, expected) in [(&two, 1), (&three, 2)] {
        upstream.add("team/app", "latest", moved_to);
        for _ in 0..3 {
            registry.clock.advance(minutes(2));
            shelf.pull("team/app", "latest", &one).await;
            assert_eq!(told().await, expected, "once for each place that it was moved to");
        }
    }
    assert_eq!(upstream.asked("GET", &manifest_path("team/app", &two.digest())), 0);
    assert_eq!(history(&registry).await.len(), 1);
    // A new one is as good as any.
    upstream.add("team/app", "v2", &two);
    shelf.pull("team/app", "v2", &two).await;
}

#[tokio::test]
async fn a_tag_is_served_stale_while_its_upstream_fails_or_limits() {
    let (one, two) = (Image::new("one"), Image::new("two"));
    let by_tag = manifest_path("team/app", "latest");
    let of_two = manifest_path("team/app", &two.digest());
    let limited = || Answer::status(429);
    #[allow(clippy::type_complexity, reason = "a table says what stands in it")]
    let failures: [(&str, &dyn Fn(&ImageUpstream)); 8] = [
        ("its head is limited", &|upstream| upstream.fake.on(&by_tag, limited())),
        ("its head fails", &|upstream| upstream.fake.on(&by_tag, Answer::status(500))),
        ("its head stalls", &|upstream| upstream.fake.on(&by_tag, Answer::status(200).stalling())),
        // Upstreams count what is fetched, and not what is asked for by HEAD.
        ("it moved, and what it points to is limited", &|upstream| {
            upstream.add("team/app", "latest", &two);
            upstream.fake.on(&of_two, limited());
        }),
        ("it moved, and what it points to fails", &|upstream| {
            upstream.add("team/app", "latest", &two);
            upstream.fake.on(&of_two, Answer::status(502));
        }),
        ("it moved, and what it points to is not there", &|upstream| {
            upstream.add("team/app", "latest", &two);
            upstream.fake.on(&of_two, Answer::status(404));
        }),
        ("a web page is in its place", &|upstream| upstream.fake.on(&by_tag, web_page())),
        ("it moved, and a web page is in the place of what it points to", &|upstream| {
            upstream.add("team/app", "latest", &two);
            upstream.fake.on(&of_two, web_page());
        }),
    ];
    for (what, fail) in failures {
        let upstream = ImageUpstream::start();
        upstream.add("team/app", "latest", &one);
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let shelf = registry.shelf();
        assert_eq!(shelf.manifest("team/app", "latest").await.unwrap().stale, None);
        shelf.pull("team/app", "latest", &one).await;
        fail(&upstream);
        for _ in 0..2 {
            registry.clock.advance(minutes(2));
            let found = shelf.manifest("team/app", "latest").await;
            let found = found.unwrap_or_else(|problem| panic!("{what}: {problem:?}"));
            assert_eq!(digest(&found.identity), one.digest(), "{what}");
            let stale = found.stale.clone().unwrap_or_else(|| panic!("{what}: it is marked"));
            assert_eq!(stale.upstream.as_str(), "up");
        }
        shelf.pull("team/app", "latest", &one).await;
        // A little later the upstream is tried again.
        upstream.add("team/app", "latest", &two);
        registry.clock.advance(seconds(70));
        shelf.pull("team/app", "latest", &two).await;
        let found = shelf.manifest("team/app", "latest").await.unwrap();
        assert_eq!(found.stale, None, "{what}");
        registry.assert_sound().await;
        let refused = of_kind(registry.events().await, EventKind::DigestMismatch);
        assert!(refused.is_empty(), "{what}: {refused:?}");
    }
}

/// What somebody between sends who wants a sign-in.
fn web_page() -> Answer {
    Answer::ok("<html>please sign in").header("Content-Type", "text/html; charset=utf-8")
}

#[tokio::test]
async fn a_tag_that_moves_to_what_nobody_can_use_stays() {
    let (upstream, registry, [one, two]) = pulled_once().await;
    let shelf = registry.shelf();
    let damaged = b"{ \"schemaVersion\": 2, ";
    let path = |reference: &str| manifest_path("team/app", reference);
    for path in [path("latest"), path(&digest(damaged))] {
        upstream.fake.on(&path, manifest_answer(damaged));
    }
    for _ in 0..3 {
        registry.clock.advance(minutes(2));
        upstream.fake.forget();
        for _ in 0..5 {
            let found = shelf.manifest("team/app", "latest").await.unwrap();
            assert_eq!(digest(&found.identity), one.digest());
            assert!(found.stale.is_some());
        }
        let asked = upstream.fake.requests();
        let asked: Vec<_> = asked.iter().map(provender_testing::Request::path).collect();
        assert!(asked.len() <= 3, "however many ask: {asked:?}");
    }
    assert_eq!(of_kind(registry.events().await, EventKind::ArchiveRefused).len(), 1);
    // What an administrator closed is refused.
    upstream.add("team/app", "latest", &two);
    registry.clock.advance(minutes(2));
    shelf.pull("team/app", "latest", &two).await;
    let closing = Change::Quarantine { reason: None };
    shelf.change("team/app", &format!("manifest@{}", two.digest()), closing).await.unwrap();
    registry.clock.advance(minutes(2));
    let closed = shelf.manifest("team/app", "latest").await;
    assert_eq!(refused(closed), ProblemCode::PolicyDenied);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_tag_that_moves_to_what_turns_out_to_be_something_else_stays() {
    let upstream = ImageUpstream::start();
    let images = ["one", "two", "three"].map(Image::new);
    let [one, two, three] = &images;
    upstream.add("team/app", "latest", one);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    shelf.pull("team/app", "latest", one).await;
    upstream.add("team/app", "latest", two);
    let lie = manifest_answer(&three.manifest);
    upstream.fake.on(&manifest_path("team/app", &two.digest()), lie);
    for _ in 0..3 {
        registry.clock.advance(minutes(2));
        let found = shelf.manifest("team/app", "latest").await.unwrap();
        assert_eq!(digest(&found.identity), one.digest());
        assert!(found.stale.is_some());
    }
    assert_eq!(of_kind(registry.events().await, EventKind::DigestMismatch).len(), 1);
    let by_digest = shelf.manifest("team/app", &two.digest()).await;
    assert_eq!(refused(by_digest), ProblemCode::PolicyDenied);
    upstream.add("team/app", "latest", three);
    registry.clock.advance(minutes(2));
    shelf.pull("team/app", "latest", three).await;
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_its_upstream_has_no_more_goes_on_being_served() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    shelf.pull("team/app", "latest", &image).await;
    upstream.fake.otherwise(|_| Answer::status(404));
    for path in upstream.fake.requests().iter().map(|request| request.path().to_owned()) {
        upstream.fake.remove(&path);
    }
    upstream.fake.remove("/v2/team/app/tags/list");
    drop(shelf);
    let registry = registry.reopened().await;
    for _ in 0..3 {
        registry.clock.advance(minutes(20));
        let shelf = registry.shelf();
        shelf.pull("team/app", "latest", &image).await;
        let found = shelf.manifest("team/app", "latest").await.unwrap();
        assert_eq!(found.stale, None, "that it is gone is an answer");
        assert_eq!(shelf.tags("team/app").await.unwrap(), ["latest"]);
    }
    let other = registry.shelf().manifest("team/app", "v2").await;
    assert_eq!(refused(other), ProblemCode::NotFound);
}

#[tokio::test]
async fn of_two_who_change_a_policy_at_once_one_is_told() {
    let registry = TestRegistry::open().await;
    let (api, operator) = (&registry.registry, registry.operator());
    let read = api.repositories(&operator).remove(0).policy;
    let revision = provender_registry::policy_revision(&read);
    let one = RepositoryPolicy { tags: TagRule::Immutable, ..read.clone() };
    api.replace_policy(&operator, "main", one.clone(), Some(&revision)).await.unwrap();
    let late = api.replace_policy(&operator, "main", read.clone(), Some(&revision)).await;
    assert_eq!(refused(late), ProblemCode::Conflict);
    assert_eq!(api.repositories(&operator).remove(0).policy, one);
    let now = provender_registry::policy_revision(&one);
    api.replace_policy(&operator, "main", read.clone(), Some(&now)).await.unwrap();
    api.replace_policy(&operator, "main", one, None).await.unwrap();
}

#[tokio::test]
async fn a_claimed_name_has_no_tags_of_its_upstream() {
    let upstream = ImageUpstream::start();
    let (theirs, ours) = (Image::new("theirs"), Image::new("ours"));
    for tag in ["v1", "v2"] {
        upstream.add("team/app", tag, &theirs);
    }
    let registry = TestRegistry::mirroring_images(&upstream).await;
    make_immutable(&registry).await;
    let shelf = registry.shelf();
    for tag in ["v1", "v2"] {
        shelf.pull("team/app", tag, &theirs).await;
    }
    registry.registry.own(&registry.operator(), "main", "oci", "team/app").await.unwrap();
    assert_eq!(shelf.tags("team/app").await.unwrap(), [""; 0]);
    assert_eq!(refused(shelf.manifest("team/app", "v1").await), ProblemCode::NotFound);
    shelf.push("team/app", "v1", &ours).await.unwrap();
    shelf.pull("team/app", "v1", &ours).await;
    assert_eq!(shelf.tags("team/app").await.unwrap(), ["v1"]);
    let (theirs, ours) = (short(&theirs), short(&ours));
    let expected = [("v1", &*theirs), ("v2", &*theirs), ("v1", "-"), ("v2", "-"), ("v1", &*ours)];
    assert_eq!(history(&registry).await, expected.map(|(tag, end)| format!("{tag} → {end}")));
    let moved = of_kind(registry.events().await, EventKind::TagMoved);
    assert_eq!(moved.len(), 0, "what it pointed to was another's");
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_tag_whose_head_says_no_digest_is_told_by_its_bytes() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    let bare = Answer::ok(image.manifest.clone()).header("Content-Type", super::image::MANIFEST);
    upstream.fake.on(&manifest_path("team/app", "latest"), bare);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.shelf().pull("team/app", "latest", &image).await;
    assert_eq!(registry.shelf().points_to("team/app", "latest").await.unwrap(), image.digest());
    registry.assert_sound().await;
}

#[tokio::test]
async fn tags_are_listed_in_pages_here_and_from_upstreams() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    for tag in ["b", "d", "f"] {
        upstream.add("team/app", tag, &image);
    }
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let shelf = registry.shelf();
    let ours = Image::new("ours");
    for tag in ["a", "c", "e"] {
        shelf.push("team/ours", tag, &ours).await.unwrap();
    }
    shelf.pull("team/app", "d", &image).await;
    let page = async |image: &str, query: &str, expected: &[&str]| {
        let target = format!("{image}/tags/list?{query}");
        let operation = shelf.request(provender_ecosystem::Method::Get, &target, None).unwrap();
        let answer = registry.registry.read(operation).await.unwrap();
        let provender_registry::Answer::Index(index, _) = answer else { panic!("a list") };
        let json: serde_json::Value = serde_json::from_slice(&index.identity).unwrap();
        let tags: Vec<&str> =
            json["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert_eq!(tags, expected, "{target}");
        let has_link = index.fields.iter().any(|(name, _)| *name == "link");
        let is_last = expected.len() < 2 || expected.last() >= Some(&"e");
        assert_eq!(has_link, !is_last, "{target}: {:?}", index.fields);
    };
    for (image, all) in [("team/ours", ["a", "c", "e"]), ("team/app", ["b", "d", "f"])] {
        page(image, "n=2", &all[..2]).await;
        page(image, &format!("n=2&last={}", all[1]), &all[2..]).await;
        page(image, &format!("n=2&last={}", all[2]), &[]).await;
        page(image, "n=0", &[]).await;
        page(image, "n=9", &all).await;
    }
    let unknown = shelf.tags("team/unknown").await;
    assert_eq!(refused(unknown), ProblemCode::NotFound);
}

#[tokio::test]
async fn a_list_of_tags_is_read_to_its_end() {
    let upstream = ImageUpstream::start();
    let list = "/v2/team/app/tags/list";
    upstream.fake.on_request(list, move |request| {
        let target = request.target().to_owned();
        let (tags, next) = match target.split_once("last=").map(|(_, behind)| behind) {
            None => (["a", "b"], Some("b")),
            Some("b") => (["c", "d"], Some("d")),
            Some(_) => (["e", "f"], None),
        };
        let page = Answer::json(&serde_json::json!({ "name": "team/app", "tags": tags }));
        match next {
            Some(behind) => {
                let page = page.etag("\"1\"");
                page.header("Link", format!("<{list}?last={behind}>; rel=\"next\""))
            }
            None => page,
        }
    });
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let all = ["a", "b", "c", "d", "e", "f"];
    assert_eq!(registry.shelf().tags("team/app").await.unwrap(), all);
    assert_eq!(upstream.fake.hits(list), 3);
    registry.clock.advance(minutes(11));
    assert_eq!(registry.shelf().tags("team/app").await.unwrap(), all);
    assert_eq!(upstream.fake.hits(list), 6);
}
