//! Signatures under cosign's older tags, where a repository asks for signatures.

use provender_authority::oidc::San;
use provender_authority::testing::{PromisingLog, simple_signing};
use provender_domain::ProblemCode;
use serde_json::{Value, json};

use super::image::{CONFIG, MANIFEST, descriptor};
use super::signatures::{ANN, DENIED, SERVED, ask_by, refusals};
use super::{Image, ImageUpstream, digest};
use crate::client::refused;
use crate::{TestRegistry, minutes};

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The tag for signatures over a manifest.
fn tag(manifest: &[u8]) -> String {
    format!("{}.sig", digest(manifest).replace(':', "-"))
}

/// An instance's trust root, which knows an older log besides its own.
fn root(registry: &TestRegistry, log: &PromisingLog) -> String {
    let mut root = registry.registry.authority().trusted_root();
    root["tlogs"].as_array_mut().unwrap().push(log.term());
    root.to_string()
}

/// A person's signature over the text that names this manifest: the text and the annotations.
async fn signature(
    registry: &TestRegistry,
    log: &PromisingLog,
    manifest: &[u8],
    by: &str,
) -> (Vec<u8>, Value) {
    let text = simple_signing(&digest(manifest)).into_bytes();
    let authority = registry.registry.authority();
    let identity = authority.identity(&San::Email(by.to_owned())).await.unwrap();
    let annotations = log.sign(&identity, &text);
    (text, annotations)
}

/// What cosign keeps under the tag: the texts as layers, and what proves them beside.
fn list(signatures: &[(Vec<u8>, Value)]) -> Image {
    let config =
        b"{\"architecture\":\"\",\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
    let layers = signatures.iter().map(|(text, annotations)| {
        let mut layer = descriptor(SIMPLE_SIGNING, text);
        layer["annotations"] = annotations.clone();
        layer
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": layers.collect::<Vec<_>>(),
    });
    Image {
        config: config.to_vec(),
        layers: signatures.iter().map(|(text, _)| text.clone()).collect(),
        manifest: manifest.to_string().into_bytes(),
    }
}

#[tokio::test]
async fn an_image_is_served_by_what_is_pushed_under_its_tag() {
    let registry = TestRegistry::open().await;
    let (shelf, image, other) = (registry.shelf(), Image::new("a"), Image::new("other"));
    let reader = shelf.by(registry.anonymous());
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.push("team/app", "other", &other).await.unwrap();
    let log = PromisingLog::default();
    let trust = Some(root(&registry, &log));
    ask_by(&registry, "team/", ANN, trust.clone()).await;
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);

    let by_bob = signature(&registry, &log, &image.manifest, "bob@packages.example").await;
    let over_other = signature(&registry, &log, &other.manifest, ANN).await;
    let by_ann = signature(&registry, &log, &image.manifest, ANN).await;
    let kept = list(&[by_bob.clone(), over_other.clone()]);
    shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "by others, and over others");
    let kept = list(&[by_bob, over_other, by_ann.clone()]);
    shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    // Clients that verify themselves get what they need for that.
    reader.pull("team/app", &tag(&image.manifest), &kept).await;
    // Under its own tag alone, by that trust root alone, and as long as it is there.
    assert_eq!(refusals(&reader, "other", &other).await, DENIED);
    ask_by(&registry, "team/", ANN, None).await;
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    ask_by(&registry, "team/", ANN, trust).await;
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    let removed = format!("manifests/{}", tag(&image.manifest));
    shelf.remove("team/app", &removed).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_signature_with_any_part_changed_counts_for_nobody() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let log = PromisingLog::default();
    ask_by(&registry, "team/", ANN, Some(root(&registry, &log))).await;
    let (text, whole) = signature(&registry, &log, &image.manifest, ANN).await;
    let (_, foreign) = signature(&registry, &PromisingLog::default(), &image.manifest, ANN).await;
    let (_, later) = signature(&registry, &log, &image.manifest, "bob@packages.example").await;
    let with = |key: &str, value: Option<&Value>| {
        let mut changed = whole.clone();
        match value {
            Some(value) => changed[key] = value.clone(),
            None => drop(changed.as_object_mut().unwrap().remove(key)),
        }
        changed
    };
    let cosign = |name: &str| format!("dev.sigstore.cosign/{name}");
    let (logged, signed) = (cosign("bundle"), "dev.cosignproject.cosign/signature");
    let at = whole[&logged].as_str().unwrap().find("\"integratedTime\":").unwrap() + 17;
    let mut earlier = whole[&logged].as_str().unwrap().to_owned();
    earlier.replace_range(at..=at, "0");
    let changes = [
        with(signed, Some(&later[signed])),
        with(signed, Some(&"AAAA".into())),
        with(&cosign("certificate"), Some(&later[cosign("certificate")])),
        with(&cosign("certificate"), None),
        with(&logged, Some(&later[&logged])),
        with(&logged, Some(&foreign[&logged])),
        with(&logged, Some(&earlier.into())),
        with(&logged, None),
        foreign,
    ];
    for changed in changes {
        let kept = list(&[(text.clone(), changed.clone())]);
        shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
        assert_eq!(refusals(&shelf, "v1", &image).await, DENIED, "{changed}");
    }
    // Another text, however well it is signed, names another image or none.
    let identity = registry.registry.authority().identity(&San::Email(ANN.to_owned())).await;
    let identity = identity.unwrap();
    let swapped = simple_signing(&digest(b"other"));
    let wordless = simple_signing(&image.digest()).replace("cosign container", "container");
    for other in [swapped, wordless, "{}".to_owned()] {
        let annotations = log.sign(&identity, other.as_bytes());
        let kept = list(&[(other.clone().into_bytes(), annotations)]);
        shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
        assert_eq!(refusals(&shelf, "v1", &image).await, DENIED, "{other}");
    }
    let kept = list(&[(text, whole)]);
    shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
    assert_eq!(refusals(&shelf, "v1", &image).await, SERVED);
}

#[tokio::test]
async fn only_texts_get_by_as_signatures() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("evil"));
    ask_by(&registry, "team/", ANN, None).await;
    let text = simple_signing(&image.digest()).into_bytes();
    let annotations = json!({ "dev.cosignproject.cosign/signature": "AAAA" });
    let tag = tag(&image.manifest);
    let served = async |layers: &[(Vec<u8>, Value)]| {
        let kept = list(layers);
        shelf.push("team/app", &tag, &kept).await.unwrap();
        let outcomes = [
            shelf.manifest("team/app", &tag).await.map(drop),
            shelf.blob("team/app", &digest(&layers[0].0)).await.map(drop),
        ];
        outcomes.map(|outcome| outcome.is_ok())
    };
    // Nobody has to have signed what nobody can run.
    assert_eq!(served(&[(text.clone(), annotations.clone())]).await, [true; 2]);
    let layer = image.layers[0].clone();
    assert_eq!(served(&[(layer.clone(), annotations.clone())]).await, [false; 2]);
    assert_eq!(served(&[(layer, annotations), (text, Value::Null)]).await, [false; 2]);
}

#[tokio::test]
async fn what_an_upstream_keeps_under_its_tag_is_brought_in() {
    let (upstream, theirs) = (ImageUpstream::start(), TestRegistry::open().await);
    let (image, other) = (Image::new("a"), Image::new("other"));
    let log = PromisingLog::default();
    let root = root(&theirs, &log);
    for (tag, image) in [("v1", &image), ("other", &other)] {
        upstream.add("team/app", tag, image);
    }
    let registry = TestRegistry::mirroring_images(&upstream).await;
    let reader = registry.shelf().by(registry.anonymous());
    ask_by(&registry, "team/", ANN, Some(root.clone())).await;
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "there is none");
    let kept = list(&[signature(&theirs, &log, &image.manifest, ANN).await]);
    upstream.add("team/app", &tag(&image.manifest), &kept);
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "it was asked just now");
    registry.clock.advance(minutes(2));
    // Whoever asks for the signatures first gets them, with their parts.
    reader.pull("team/app", &tag(&image.manifest), &kept).await;
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    let denied = reader.manifest("team/app", "other").await;
    assert_eq!(refused(denied), ProblemCode::PolicyDenied);
    ask_by(&registry, "team/", "bob@packages.example", Some(root.clone())).await;
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    ask_by(&registry, "team/", ANN, Some(root)).await;
    // What was brought in is kept.
    upstream.fake.offline().await;
    drop(reader);
    let registry = registry.reopened().await;
    assert_eq!(refusals(&registry.shelf(), &image.digest(), &image).await, SERVED);
    registry.assert_sound().await;
}
