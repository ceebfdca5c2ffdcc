//! Repositories that ask for a signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provender_attest::{
    Bundle, BundleVersion, Content, Envelope, IN_TOTO_PAYLOAD_TYPE, KeyMaterial, LogEntry,
    Statement, Subject, TimestampRequest,
};
use provender_authority::oidc::San;
use provender_domain::{
    EcosystemId, FileName, NamePattern, PackageName, Problem, ProblemCode, Reference,
    ReferenceRole, RepositoryName, RepositoryPolicy, SignatureRule, TextPattern, Timestamp,
};
use provender_store::{Attestation, AttestationSource, PackageKey, Write};
use provender_testing::sha256_hex;
use serde_json::{Value, json};

use super::image::INDEX;
use super::{Image, ImageUpstream, Shelf, digest, index_of};
use crate::client::refused;
use crate::registry::metadata_of;
use crate::{TestRegistry, minutes};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(super) const ANN: &str = "ann@packages.example";
const ISSUER: &str = "http://localhost:8080/-/oidc";

/// `main` asks for a signature by this identity for images of this pattern.
pub(super) async fn ask(registry: &TestRegistry, prefix: &str, identity: &str) {
    ask_by(registry, prefix, identity, None).await;
}

/// The same by another trust root than the registry's own.
pub(super) async fn ask_by(
    registry: &TestRegistry,
    prefix: &str,
    identity: &str,
    trust: Option<String>,
) {
    let policy = asking(prefix, identity, trust);
    registry.registry.set_policy(&registry.operator(), "main", policy).await.unwrap();
}

/// The policy of a repository that asks for such a signature.
pub(super) fn asking(prefix: &str, identity: &str, trust: Option<String>) -> RepositoryPolicy {
    let rule = SignatureRule {
        ecosystem: "oci".to_owned(),
        packages: NamePattern::Prefix(prefix.to_owned()),
        identity: TextPattern::new(identity).unwrap(),
        issuer: TextPattern::new(ISSUER).unwrap(),
        trust,
    };
    RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() }
}

/// A person's signature over a manifest, as cosign attaches it.
pub(super) async fn signature(registry: &TestRegistry, manifest: &[u8], by: &str) -> Image {
    let statement = Statement {
        subjects: vec![Subject::file("image", sha256_hex(manifest).parse().unwrap())],
        predicate_type: "https://predicates.example/sign/v1".to_owned(),
        predicate: Value::Null,
    };
    let authority = registry.registry.authority();
    let identity = authority.identity(&San::Email(by.to_owned())).await.unwrap();
    let mut envelope = Envelope {
        payload_type: IN_TOTO_PAYLOAD_TYPE.to_owned(),
        payload: statement.to_json(),
        signature: Vec::new(),
    };
    let message = envelope.signed_bytes();
    envelope.signature = identity.sign(&message).unwrap();
    let request = TimestampRequest::for_message(&envelope.signature).unwrap();
    let timestamp = authority.timestamp(request.as_der()).into_der();
    let entry = identity.hashedrekord(&message, &envelope.signature);
    let entry = authority.log_hashedrekord(entry).await.unwrap();
    let entry = serde_json::from_slice(&entry.to_json()).unwrap();
    let bundle = Bundle {
        version: BundleVersion::V03,
        key: KeyMaterial::Certificates(vec![identity.certificate().to_vec()]),
        log_entries: vec![LogEntry::from_value(entry).unwrap()],
        timestamps: vec![timestamp],
        content: Content::Envelope(envelope),
    };
    Image::about(manifest, BUNDLE, bundle.to_json().as_bytes())
}

/// What a request is refused with; `None` where it is answered.
pub(super) async fn refusals(shelf: &Shelf, tag: &str, image: &Image) -> [Option<ProblemCode>; 3] {
    let code = |outcome: Result<(), Problem>| {
        outcome.err().map(|problem| {
            let says_why = problem.public.contains("asks for a signature by");
            assert!(says_why, "{problem:?}");
            problem.code
        })
    };
    [
        code(shelf.manifest("team/app", tag).await.map(drop)),
        code(shelf.manifest("team/app", &image.digest()).await.map(drop)),
        code(shelf.blob("team/app", &digest(&image.layers[0])).await.map(drop)),
    ]
}

/// What was brought in is kept: it serves this image also after a restart, without the upstream.
pub(super) async fn assert_kept_without(
    upstream: &ImageUpstream,
    registry: TestRegistry,
    image: &Image,
) {
    upstream.fake.offline().await;
    let registry = registry.reopened().await;
    assert_eq!(refusals(&registry.shelf(), &image.digest(), image).await, SERVED);
    registry.assert_sound().await;
}

pub(super) const DENIED: [Option<ProblemCode>; 3] = [Some(ProblemCode::PolicyDenied); 3];
pub(super) const SERVED: [Option<ProblemCode>; 3] = [None; 3];

#[tokio::test]
async fn what_is_too_large_for_a_signature_is_kept_as_what_it_is() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let large = Image::about(&image.manifest, BUNDLE, &vec![b'x'; (1 << 20) + 1]);
    shelf.push("team/app", "large", &large).await.unwrap();
    shelf.pull("team/app", "large", &large).await;
    ask(&registry, "team/", ANN).await;
    assert_eq!(refusals(&shelf.by(registry.anonymous()), "v1", &image).await, DENIED);
}

#[tokio::test]
async fn what_nobody_signed_is_refused_until_somebody_does() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let reader = shelf.by(registry.anonymous());
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.push("other/app", "v1", &image).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    ask(&registry, "team/", ANN).await;
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    // The rule is for some images; lists tell what there is.
    reader.pull("other/app", "v1", &image).await;
    assert_eq!(reader.tags("team/app").await.unwrap(), ["v1"]);
    assert_eq!(reader.referrers("team/app", &image.digest()).await.unwrap().len(), 1);

    // Somebody else's does not do, nor one over something else.
    let wrong = [
        signature(&registry, &image.manifest, "bob@packages.example").await,
        signature(&registry, &Image::new("b").manifest, ANN).await,
    ];
    for wrong in &wrong {
        shelf.push("team/app", &wrong.digest(), wrong).await.unwrap();
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
    }
    // One that says that it is about this image, and is about another.
    let mut forged = wrong[1].clone();
    let text = String::from_utf8(forged.manifest).unwrap();
    forged.manifest = text.replace(&Image::new("b").digest(), &image.digest()).into_bytes();
    shelf.push("team/app", &forged.digest(), &forged).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, DENIED);

    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
    reader.pull("team/app", "v1", &image).await;
    let listed = reader.referrers("team/app", &image.digest()).await.unwrap();
    for statement in [&wrong[0], &forged, &right] {
        assert!(listed.contains(&statement.digest()), "what is kept is shown");
        reader.pull("team/app", &statement.digest(), statement).await;
    }
    // What this server itself made is no less a statement.
    for made in listed {
        reader.manifest("team/app", &made).await.unwrap();
    }
    drop((shelf, reader));
    let registry = registry.reopened().await;
    assert_eq!(refusals(&registry.shelf(), "v1", &image).await, SERVED);
    ask(&registry, "team/", "carol@packages.example").await;
    assert_eq!(refusals(&registry.shelf(), "v1", &image).await, DENIED);
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_signature_that_was_taken_away_counts_no_more() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let right = signature(&registry, &image.manifest, ANN).await;
    ask(&registry, "", ANN).await;
    // As well one that came before its image.
    for is_first in [false, true] {
        let name = if is_first { "team/early" } else { "team/late" };
        if is_first {
            shelf.push(name, &right.digest(), &right).await.unwrap();
        }
        shelf.push(name, "v1", &image).await.unwrap();
        shelf.push(name, &right.digest(), &right).await.unwrap();
        shelf.pull(name, "v1", &image).await;
        let attested = async || {
            let operator = registry.operator();
            let (all, named) = (
                registry.registry.attestations(&operator, &image.digest()).await.unwrap(),
                registry.registry.evidence(&operator, &image.digest(), None).await.unwrap(),
            );
            let others = |of: &[Attestation]| {
                of.iter().filter(|one| one.source == AttestationSource::Publisher).count()
            };
            let of_file = named.iter().find(|one| one.report.package.as_str() == name);
            (others(&all), others(&of_file.unwrap().attestations))
        };
        assert_eq!(attested().await, (1, 1));
        shelf.remove(name, &format!("manifests/{}", right.digest())).await.unwrap();
        let gone = shelf.manifest(name, "v1").await;
        assert_eq!(refused(gone), ProblemCode::PolicyDenied, "{name}");
        assert_eq!(attested().await, (0, 0), "nor is it told of");
        // It may come back.
        shelf.push(name, &right.digest(), &right).await.unwrap();
        shelf.pull(name, "v1", &image).await;
        shelf.remove(name, &format!("manifests/{}", right.digest())).await.unwrap();
    }
    // The same bytes are signed as long as somebody keeps a signature of them.
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    shelf.pull("team/late", "v1", &image).await;
    shelf.remove("team/app", &format!("manifests/{}", right.digest())).await.unwrap();
    let gone = shelf.manifest("team/late", "v1").await;
    assert_eq!(refused(gone), ProblemCode::PolicyDenied, "from memory neither");
    registry.assert_sound().await;
}

#[tokio::test]
async fn a_signature_may_come_before_its_image() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "", ANN).await;
    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    shelf.push("team/app", "v1", &image).await.unwrap();
    assert_eq!(refusals(&shelf, "v1", &image).await, SERVED);
    shelf.pull("team/app", "v1", &image).await;
}

#[tokio::test]
async fn what_a_signed_index_lists_is_covered_by_its_signature() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let (one, two, other) = (Image::new("one"), Image::new("two"), Image::new("other"));
    let index = index_of(&[&one.manifest, &two.manifest]);
    for image in [&one, &two, &other] {
        shelf.push("team/app", &image.digest(), image).await.unwrap();
    }
    shelf.put("team/app", "v1", &index).await.unwrap();
    ask(&registry, "team/", ANN).await;
    let by_index = async || shelf.manifest("team/app", "v1").await.map(drop);
    assert_eq!(refused(by_index().await), ProblemCode::PolicyDenied);
    // A signature over one of them is none over the index, nor over the other.
    let over_one = signature(&registry, &one.manifest, ANN).await;
    shelf.push("team/app", &over_one.digest(), &over_one).await.unwrap();
    assert_eq!(refused(by_index().await), ProblemCode::PolicyDenied);
    shelf.pull("team/app", &one.digest(), &one).await;
    let second = shelf.manifest("team/app", &two.digest()).await;
    assert_eq!(refused(second), ProblemCode::PolicyDenied);

    let over_index = signature(&registry, &index, ANN).await;
    shelf.push("team/app", &over_index.digest(), &over_index).await.unwrap();
    by_index().await.unwrap();
    for image in [&one, &two] {
        shelf.pull("team/app", &image.digest(), image).await;
    }
    let third = shelf.manifest("team/app", &other.digest()).await;
    assert_eq!(refused(third), ProblemCode::PolicyDenied);
    assert!(shelf.blob("team/app", &digest(&other.config)).await.is_err());
    registry.assert_sound().await;
}

#[tokio::test]
async fn nothing_that_could_be_run_gets_by_as_a_signature() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("evil"));
    ask(&registry, "team/", ANN).await;
    for blob in image.blobs() {
        shelf.upload("team/app", blob).await.unwrap();
    }
    let notation = "application/vnd.cncf.notary.signature";
    let simple = "application/vnd.dev.cosign.simplesigning.v1+json";
    // The artifact type, and the types of the configuration and of the layers.
    let disguises = [
        (Some(BUNDLE), None, None),
        (Some(notation), None, None),
        (Some(BUNDLE), None, Some(BUNDLE)),
        (None, None, Some(simple)),
        (Some(notation), Some("application/octet-stream"), Some("application/jose+json")),
        (Some(BUNDLE), Some("application/vnd.oci.empty.v1+json"), None),
    ];
    for (kind, config, layer) in disguises {
        let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        manifest["subject"] = super::image::descriptor(super::image::MANIFEST, &image.manifest);
        if let Some(kind) = kind {
            manifest["artifactType"] = kind.into();
        }
        if let Some(config) = config {
            manifest["config"]["mediaType"] = config.into();
        }
        if let Some(layer) = layer {
            for entry in manifest["layers"].as_array_mut().unwrap() {
                entry["mediaType"] = layer.into();
            }
        }
        let bytes = manifest.to_string().into_bytes();
        shelf.put("team/app", "evil", &bytes).await.unwrap();
        for reference in ["evil", &digest(&bytes)] {
            let served = shelf.manifest("team/app", reference).await;
            assert_eq!(refused(served), ProblemCode::PolicyDenied, "{kind:?} {config:?} {layer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_that_belongs_to_a_signature_can_be_run() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("evil"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    for blob in [&b"{}"[..], b"text"] {
        shelf.upload("team/app", blob).await.unwrap();
    }
    let described = super::image::descriptor(super::image::MANIFEST, &image.manifest);
    let empty = super::image::descriptor("application/vnd.oci.empty.v1+json", b"{}");
    let simple = "application/vnd.dev.cosign.simplesigning.v1+json";
    let statement = |config: &Value, layers: &[&Value]| {
        json!({
            "schemaVersion": 2,
            "mediaType": super::image::MANIFEST,
            "artifactType": BUNDLE,
            "config": config,
            "layers": layers,
            "subject": described,
        })
    };
    let mut layer = super::image::descriptor(BUNDLE, b"text");
    let in_bundle = statement(&described, &[&layer]);
    let beside_bundle = statement(&empty, &[&layer, &described]);
    layer["mediaType"] = simple.into();
    layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": "AAAA" });
    let mut in_text = statement(&described, &[&layer]);
    in_text.as_object_mut().unwrap().remove("subject");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "artifactType": BUNDLE,
        "manifests": [described],
        "subject": described,
    });
    for (number, disguise) in [in_bundle, beside_bundle, in_text, index].iter().enumerate() {
        let bytes = disguise.to_string().into_bytes();
        shelf.put("team/app", &format!("evil-{number}"), &bytes).await.unwrap();
        let own = shelf.manifest("team/app", &digest(&bytes)).await;
        assert_eq!(refused(own), ProblemCode::PolicyDenied, "{disguise}");
        assert_eq!(refusals(&shelf, "v1", &image).await, DENIED, "{disguise}");
    }
}

#[tokio::test]
async fn what_calls_itself_a_signature_is_looked_into() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    ask(&registry, "team/", ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    let notation = "application/vnd.cncf.notary.signature";
    let script = b"#!/bin/sh\necho evil";
    let bundle = signature(&registry, &image.manifest, "bob@packages.example").await;
    let target = format!(r#"{{"targetArtifact":{{"digest":"{}"}}}}"#, image.digest());
    let jws = format!(
        r#"{{"payload":"{}","protected":"e30","header":{{"x5c":[]}},"signature":"AA"}}"#,
        URL_SAFE_NO_PAD.encode(target)
    );
    let served = async |statement: &Image| {
        shelf.push("team/app", &statement.digest(), statement).await.unwrap();
        let mut served = vec![shelf.manifest("team/app", &statement.digest()).await.is_ok()];
        for blob in statement.blobs().filter(|blob| **blob != b"{}") {
            served.push(shelf.blob("team/app", &digest(blob)).await.is_ok());
        }
        served
    };
    for (kind, payload, expected) in [
        (BUNDLE, &script[..], false),
        (notation, script, false),
        (BUNDLE, b"{}", false),
        (notation, jws.as_bytes(), true),
        (notation, b"\xd2\x84\x40\xa0\x40\x40", false),
        (BUNDLE, &bundle.layers[0], true),
    ] {
        let statement = Image::about(&image.manifest, kind, payload);
        let outcomes = served(&statement).await;
        assert!(outcomes.iter().all(|served| *served == expected), "{kind} {payload:?}");
    }
    // Nothing comes along with a real one, in no place.
    let with = |place: &str, bytes: &[u8]| {
        let mut manifest: Value = serde_json::from_slice(&bundle.manifest).unwrap();
        let described = super::image::descriptor("application/vnd.oci.empty.v1+json", bytes);
        let mut statement = bundle.clone();
        match place {
            "config" => (manifest["config"], statement.config) = (described, bytes.to_vec()),
            _ => {
                manifest["layers"].as_array_mut().unwrap().push(described);
                statement.layers.push(bytes.to_vec());
            }
        }
        statement.manifest = manifest.to_string().into_bytes();
        statement
    };
    for place in ["config", "layer"] {
        let statement = with(place, b"#!/bin/sh\necho along");
        assert!(!served(&statement).await[0], "{place}");
        let script = shelf.blob("team/app", &digest(b"#!/bin/sh\necho along")).await;
        assert_eq!(refused(script), ProblemCode::PolicyDenied, "{place}");
    }
    registry.assert_sound().await;
}

#[tokio::test]
async fn what_this_server_says_itself_meets_no_rule() {
    let registry = TestRegistry::open().await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    shelf.push("team/app", "v1", &image).await.unwrap();
    let mut policy = asking("team/", "*", None);
    policy.signatures[0].issuer = TextPattern::new("*").unwrap();
    registry.registry.set_policy(&registry.operator(), "main", policy).await.unwrap();
    assert_eq!(refusals(&shelf, "v1", &image).await, DENIED);
    // Whoever attaches it once more.
    let operator = registry.operator();
    let made = registry.registry.attestations(&operator, &image.digest()).await.unwrap();
    assert_eq!(made.len(), 1);
    let mut copy = Image::about(&image.manifest, BUNDLE, made[0].bundle.as_bytes());
    copy.manifest.push(b'\n');
    shelf.push("team/app", &copy.digest(), &copy).await.unwrap();
    assert_eq!(refusals(&shelf, "v1", &image).await, DENIED);
    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    assert_eq!(refusals(&shelf, "v1", &image).await, SERVED);
}

#[tokio::test]
async fn a_rule_behind_holds_in_front() {
    let registry = TestRegistry::open().await;
    registry.repository("front", provender_domain::Visibility::Public).await;
    registry.put_images_behind("front", "main").await;
    let (shelf, image) = (registry.shelf(), Image::new("a"));
    let front = registry.shelf_for("front", registry.anonymous());
    shelf.push("team/app", "v1", &image).await.unwrap();
    front.pull("team/app", "v1", &image).await;
    ask(&registry, "team/", ANN).await;
    assert_eq!(refusals(&front, "v1", &image).await, DENIED);
    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    assert_eq!(refusals(&front, "v1", &image).await, SERVED);
}

#[tokio::test]
async fn a_layer_of_many_images_is_served_if_any_is_signed() {
    let registry = TestRegistry::open().await;
    let shelf = registry.shelf();
    let shared = b"a layer that all of them have".to_vec();
    let mut images: Vec<Image> =
        (0..130).map(|number| Image::of(&format!("{number}"), vec![shared.clone()])).collect();
    images.sort_by_key(Image::digest);
    for image in &images {
        shelf.push("team/app", &image.digest(), image).await.unwrap();
    }
    ask(&registry, "team/", ANN).await;
    let layer = digest(&shared);
    assert_eq!(refused(shelf.blob("team/app", &layer).await), ProblemCode::PolicyDenied);
    let signed = images.last().unwrap();
    let right = signature(&registry, &signed.manifest, ANN).await;
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    shelf.pull("team/app", &signed.digest(), signed).await;
    let other = shelf.manifest("team/app", &images[0].digest()).await;
    assert_eq!(refused(other), ProblemCode::PolicyDenied);
}

#[tokio::test]
async fn of_more_images_than_are_looked_at_the_newest_are() {
    let registry = TestRegistry::open().await;
    let shared = b"a layer that all of them have".to_vec();
    let (shelf, image) = (registry.shelf(), Image::of("a", vec![shared.clone()]));
    shelf.upload("team/app", &shared).await.unwrap();
    refer_from_long_ago(&registry, &digest(&shared), 1_100).await;
    ask(&registry, "team/", ANN).await;
    let right = signature(&registry, &image.manifest, ANN).await;
    shelf.push("team/app", "v1", &image).await.unwrap();
    shelf.push("team/app", &right.digest(), &right).await.unwrap();
    shelf.pull("team/app", "v1", &image).await;
}

/// So many manifests need this layer that were recorded before anything else was, and have names
/// that stand before all others.
async fn refer_from_long_ago(registry: &TestRegistry, layer: &str, count: u64) {
    let key = PackageKey {
        repository: RepositoryName::new("main").unwrap(),
        ecosystem: EcosystemId::new("oci"),
        package: PackageName::new("team/app").unwrap(),
    };
    let layer = FileName::new(&format!("blob@{layer}")).unwrap();
    let beside = metadata_of(registry.data()).await;
    let kept = beside.file(&key, &layer).await.unwrap().unwrap();
    let manifest = |number: u64| {
        let mut file = kept.clone();
        file.file.name = FileName::new(&format!("manifest@sha256:{number:064x}")).unwrap();
        file.recorded_at = Timestamp::from_microseconds(1);
        let references = vec![Reference { file: layer.clone(), role: ReferenceRole::Required }];
        let name = file.file.name.clone();
        let record = Write::RecordReferences { key: key.clone(), file: name, references };
        [Write::KeepFile { key: key.clone(), file }, record]
    };
    let numbers: Vec<u64> = (0..count).collect();
    for some in numbers.chunks(100) {
        let writes = some.iter().flat_map(|number| manifest(*number)).collect();
        beside.commit(writes, Vec::new()).await.unwrap();
    }
    beside.close().await;
}

#[tokio::test]
async fn a_rule_for_nobody_known_is_refused_where_it_says_nothing() {
    let registry = TestRegistry::open().await;
    let rule = SignatureRule {
        ecosystem: "unheard-of".to_owned(),
        packages: NamePattern::Prefix(String::new()),
        identity: TextPattern::new(ANN).unwrap(),
        issuer: TextPattern::new(ISSUER).unwrap(),
        trust: None,
    };
    let policy = RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() };
    let set = registry.registry.set_policy(&registry.operator(), "main", policy).await;
    assert_eq!(refused(set), ProblemCode::InvalidRequest);
}

#[tokio::test]
async fn what_is_mirrored_is_served_by_its_upstreams_signature() {
    // Listed by the referrers API, or under the tag of older registries.
    for has_api in [true, false] {
        let (upstream, theirs) = (ImageUpstream::start(), TestRegistry::open().await);
        let (image, other) = (Image::new("a"), Image::new("other"));
        let signed = signature(&theirs, &image.manifest, ANN).await;
        let root = theirs.registry.authority().trusted_root().to_string();
        for (tag, image) in [("v1", &image), ("other", &other), ("signature", &signed)] {
            upstream.add("team/app", tag, image);
        }
        let registry = TestRegistry::mirroring_images(&upstream).await;
        let reader = registry.shelf().by(registry.anonymous());
        ask_by(&registry, "team/", ANN, Some(root.clone())).await;
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "it lists nothing");
        let mut listed = super::image::descriptor(super::image::MANIFEST, &signed.manifest);
        listed["artifactType"] = BUNDLE.into();
        if has_api {
            upstream.refer("team/app", &image.digest(), &[listed]);
        } else {
            let tag = image.digest().replace(':', "-");
            let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });
            upstream.add_manifest("team/app", &tag, list.to_string().as_bytes());
        }
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED, "it was asked just now");
        registry.clock.advance(minutes(2));
        assert_eq!(refusals(&reader, "v1", &image).await, SERVED);
        reader.pull("team/app", "v1", &image).await;
        // By that trust root, by that person, and for that image alone.
        ask_by(&registry, "team/", ANN, None).await;
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
        ask_by(&registry, "team/", "bob@packages.example", Some(root.clone())).await;
        assert_eq!(refusals(&reader, "v1", &image).await, DENIED);
        ask_by(&registry, "team/", ANN, Some(root)).await;
        assert_eq!(refusals(&reader, "other", &other).await, DENIED);
        drop(reader);
        assert_kept_without(&upstream, registry, &image).await;
    }
}

#[tokio::test]
async fn a_rule_names_a_trust_root_that_can_be_read() {
    let registry = TestRegistry::open().await;
    for trust in ["", "{}", "no json", &"x".repeat(100_000)] {
        let rule = SignatureRule {
            ecosystem: "oci".to_owned(),
            packages: NamePattern::Prefix(String::new()),
            identity: TextPattern::new(ANN).unwrap(),
            issuer: TextPattern::new(ISSUER).unwrap(),
            trust: Some(trust.to_owned()),
        };
        let policy = RepositoryPolicy { signatures: vec![rule], ..RepositoryPolicy::default() };
        let set = registry.registry.set_policy(&registry.operator(), "main", policy).await;
        assert_eq!(refused(set), ProblemCode::InvalidRequest);
    }
}
