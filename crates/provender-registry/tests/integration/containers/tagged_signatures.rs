//! Signatures under cosign's older tags, where a repository asks for signatures.

use provender_attest::{Bundle, Policy, SignedBy, TrustRoot, Verifier, VerifyError};
use provender_authority::oidc::San;
use provender_authority::testing::{PromisingLog, simple_signing};
use provender_domain::{ProblemCode, Visibility};
use provender_registry::{FileNamed, FilesWanted, Link, TaggedBundle};
use provender_store::AttestationSource;
use serde_json::{Value, json};

use super::image::{CONFIG, MANIFEST, descriptor};
use super::signatures::{ANN, DENIED, SERVED, ask_by, asking, assert_kept_without, refusals};
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
    let verdicts = async || {
        let caller = registry.operator();
        let report = registry
            .registry
            .package(&caller, "main", "oci", "team/app", FilesWanted::ALL)
            .await
            .unwrap();
        // Who looks at one file is told of it what who looks at all is.
        let kept = registry.registry.kept_package(&caller, "main", "oci", "team/app").await;
        let kept = kept.unwrap();
        for (file, reported) in kept.files.iter().zip(&report.files) {
            let alone = registry.registry.reports_on(&kept, &[file]).await.unwrap();
            assert_eq!(alone, std::slice::from_ref(reported));
        }
        let of_image = report
            .files
            .into_iter()
            .filter(|file| file.kept.file.name.as_str().ends_with(&image.digest()));
        of_image.map(|file| file.verdict.is_served()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts().await, [false], "reports say what who pulls is told");

    let by_bob = signature(&registry, &log, &image.manifest, "bob@packages.example").await;
    let over_other = signature(&registry, &log, &other.manifest, ANN).await;
    let by_ann = signature(&registry, &log, &image.manifest, ANN).await;
    let kept = list(&[by_bob.clone(), over_other.clone()]);
    shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "by others, and over others");
    let kept = list(&[by_bob, over_other, by_ann.clone()]);
    shelf.push("team/app", &tag(&image.manifest), &kept).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    assert_eq!(verdicts().await, [true]);
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
async fn whoever_may_read_the_image_gets_them_to_verify() {
    let registry = TestRegistry::open().await;
    let (shelf, image, other) = (registry.shelf(), Image::new("a"), Image::new("other"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let api = &registry.registry;
    let ask = async |caller, image: &Image| {
        api.tagged_signatures_over(&caller, &image.digest()).await.unwrap()
    };
    assert_eq!(ask(registry.operator(), &image).await, []);
    assert_eq!(ask(registry.operator(), &other).await, []);
    let log = PromisingLog::default();
    let over_other = signature(&registry, &log, &other.manifest, ANN).await;
    let by_bob = signature(&registry, &log, &image.manifest, "bob@packages.example").await;
    let by_ann = signature(&registry, &log, &image.manifest, ANN).await;
    let tag = tag(&image.manifest);
    shelf.push("team/app", &tag, &list(&[over_other, by_bob, by_ann])).await.unwrap();
    let found = ask(registry.anonymous(), &image).await;
    let evidence = api.evidence(&registry.anonymous(), &image.digest(), None).await.unwrap();
    assert_eq!(evidence[0].signatures, found);
    let root = TrustRoot::parse(root(&registry, &log).as_bytes()).unwrap();
    let verifier = Verifier::new(&root).unwrap();
    let verify = |found: &TaggedBundle, digest: &str| {
        let bundle = Bundle::parse(found.bundle.as_bytes()).unwrap();
        let digest = digest.parse().unwrap();
        verifier.verify_cosign(&bundle, found.text.as_bytes(), &digest, &Policy::anybody())
    };
    let signed_by = |found: &TaggedBundle| match verify(found, &image.digest()).unwrap().signed_by {
        SignedBy::Certificate { identity, .. } => identity.to_string(),
        SignedBy::Key { .. } => panic!("it was signed with a certificate"),
    };
    let signers: Vec<_> = found.iter().map(signed_by).collect();
    assert_eq!(signers, [ANN, "bob@packages.example"], "the newest first");
    assert!(found.iter().all(|found| found.tag.as_str() == tag));
    let refused = verify(&found[0], &other.digest()).unwrap_err();
    assert!(matches!(refused, VerifyError::Digest(_)), "{refused}");
    api.set_visibility(&registry.operator(), "main", Visibility::Private).await.unwrap();
    assert_eq!(ask(registry.anonymous(), &image).await, []);
    let denied = api.tagged_signatures_over(&registry.operator(), "pkg:oci/app").await;
    assert_eq!(denied.unwrap_err().code, ProblemCode::InvalidRequest);
}

#[tokio::test]
async fn the_chain_tells_what_each_signature_proves() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let log = PromisingLog::default();
    let by_ann = signature(&registry, &log, &image.manifest, ANN).await;
    shelf.push("team/app", &tag(&image.manifest), &list(&[by_ann])).await.unwrap();
    let api = &registry.registry;
    let file = format!("manifest@{}", image.digest());
    let named =
        FileNamed { repository: "main", ecosystem: "oci", package: "team/app", file: &file };
    let signers = async || {
        let (_, links) = api.chain_of(&registry.anonymous(), named).await.unwrap();
        let signer = |link: Link| {
            let proved = link.outcome.map(|verified| match verified.signed_by {
                SignedBy::Certificate { identity, .. } => identity.to_string(),
                SignedBy::Key { .. } => panic!("it was signed with a certificate"),
            });
            (link.source, proved)
        };
        links.into_iter().map(signer).collect::<Vec<_>>()
    };
    let own = api.authority().origin().repository("main");
    let found = signers().await;
    assert_eq!(found[0], (Some(AttestationSource::Ours), Ok(own.clone())));
    // This server's own root knows nothing of that log.
    let (source, refused) = &found[1];
    assert!(source.is_none() && refused.as_ref().unwrap_err().contains("log"), "{refused:?}");
    ask_by(&registry, "team/", ANN, Some(root(&registry, &log))).await;
    let found = signers().await;
    assert_eq!(found, [(Some(AttestationSource::Ours), Ok(own)), (None, Ok(ANN.to_owned()))]);

    let ask = async |named| api.chain_of(&registry.anonymous(), named).await.unwrap_err().code;
    assert_eq!(ask(FileNamed { file: "manifest@sha256:0", ..named }).await, ProblemCode::NotFound);
    assert_eq!(ask(FileNamed { package: "team/b", ..named }).await, ProblemCode::NotFound);
    api.set_visibility(&registry.operator(), "main", Visibility::Private).await.unwrap();
    assert_eq!(ask(named).await, ProblemCode::AuthenticationRequired);
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
    let mut moved: Value = serde_json::from_str(whole[&logged].as_str().unwrap()).unwrap();
    moved["Payload"]["integratedTime"] =
        (moved["Payload"]["integratedTime"].as_i64().unwrap() - 1).into();
    let changes = [
        with(signed, Some(&later[signed])),
        with(signed, Some(&"AAAA".into())),
        with(&cosign("certificate"), Some(&later[cosign("certificate")])),
        with(&cosign("certificate"), None),
        with(&logged, Some(&later[&logged])),
        with(&logged, Some(&foreign[&logged])),
        with(&logged, Some(&moved.to_string().into())),
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

/// An upstream with two images, of which Ann has signed one, and a mirror that asks for that.
async fn mirrored(theirs: &TestRegistry) -> (ImageUpstream, TestRegistry, [Image; 2], Image) {
    let upstream = ImageUpstream::start();
    let images = ["a", "other"].map(Image::new);
    let log = PromisingLog::default();
    for (tag, image) in [("v1", &images[0]), ("other", &images[1])] {
        upstream.add("team/app", tag, image);
    }
    let signatures = list(&[signature(theirs, &log, &images[0].manifest, ANN).await]);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    ask_by(&registry, "team/", ANN, Some(root(theirs, &log))).await;
    (upstream, registry, images, signatures)
}

#[tokio::test]
async fn what_an_upstream_keeps_under_its_tag_is_brought_in() {
    let theirs = TestRegistry::open().await;
    let (upstream, registry, [image, other], signatures) = mirrored(&theirs).await;
    let reader = registry.shelf().by(registry.anonymous());
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "there is none");
    upstream.add("team/app", &tag(&image.manifest), &signatures);
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "it was asked just now");
    registry.clock.advance(minutes(2));
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    reader.pull("team/app", &tag(&image.manifest), &signatures).await;
    let denied = reader.manifest("team/app", "other").await;
    assert_eq!(refused(denied), ProblemCode::PolicyDenied);
    assert!(reader.blob("team/app", &digest(&other.config)).await.is_err());
    drop(reader);
    assert_kept_without(&upstream, registry, &image).await;
}

#[tokio::test]
async fn whoever_asks_for_signatures_alone_gets_them() {
    let theirs = TestRegistry::open().await;
    let (upstream, registry, [image, _], signatures) = mirrored(&theirs).await;
    let tag = tag(&image.manifest);
    upstream.add("team/app", &tag, &signatures);
    let reader = registry.shelf().by(registry.anonymous());
    reader.pull("team/app", &tag, &signatures).await;
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    // A list whose texts cannot be had is asked for once in a while, not each time.
    let missing = list(&[(b"gone".to_vec(), json!({ "dev.cosignproject.cosign/signature": "A" }))]);
    upstream.add_manifest("team/app", "missing", &missing.manifest);
    for _ in 0..3 {
        let denied = reader.manifest("team/app", "missing").await;
        assert_eq!(refused(denied), ProblemCode::PolicyDenied);
    }
    let text = super::upstream::blob_path("team/app", &digest(b"gone"));
    assert_eq!(upstream.asked("GET", &text), 1);
}

#[tokio::test]
async fn signatures_are_not_asked_for_signatures() {
    let theirs = TestRegistry::open().await;
    let (upstream, registry, [image, _], _) = mirrored(&theirs).await;
    // An image under the tag for another's signatures, and so on.
    let chain: Vec<Image> = (0..4).map(|number| Image::new(&format!("link {number}"))).collect();
    let mut before = &image;
    for link in &chain {
        upstream.add("team/app", &tag(&before.manifest), link);
        before = link;
    }
    let reader = registry.shelf().by(registry.anonymous());
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    let asked = |image: &Image| {
        upstream.asked("HEAD", &super::upstream::manifest_path("team/app", &tag(&image.manifest)))
    };
    assert_eq!((asked(&image), asked(&chain[0])), (1, 0));
}

#[tokio::test]
async fn a_front_repository_brings_them_in_from_behind() {
    let (theirs, log) = (TestRegistry::open().await, PromisingLog::default());
    let (upstream, image) = (ImageUpstream::start(), Image::new("a"));
    let signatures = list(&[signature(&theirs, &log, &image.manifest, ANN).await]);
    upstream.add("team/app", "v1", &image);
    upstream.add("team/app", &tag(&image.manifest), &signatures);
    let registry = TestRegistry::mirroring_images(&upstream).await;
    registry.repository("front", provender_domain::Visibility::Public).await;
    registry.put_images_behind("front", "main").await;
    let policy = asking("team/", ANN, Some(root(&theirs, &log)));
    registry.registry.set_policy(&registry.operator(), "front", policy).await.unwrap();
    let reader = registry.shelf_for("front", registry.anonymous());
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    reader.pull("team/app", &tag(&image.manifest), &signatures).await;
    registry.assert_sound().await;
}
