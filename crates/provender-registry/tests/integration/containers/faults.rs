//! Every durable step of a push and of a mirrored image fails once before and once after it
//! happened. What was acknowledged is there then, nothing half shows, and who tries again succeeds.

use provender_domain::{Problem, ProblemCode};
use provender_store::{FaultMode, Faults};

use super::{Image, ImageUpstream, digest};
use crate::TestRegistry;

/// The most steps that one piece of work here takes.
const STEPS_MAX: u64 = 300;

/// Tries `work` with a fault at its first step, its second, and so on until none is hit; `check`
/// is told whether it was acknowledged.
async fn at_every_step<W, Fut>(
    prepare: impl AsyncFn() -> TestRegistry,
    work: W,
    check: impl AsyncFn(&TestRegistry, bool),
) where
    W: Fn(&TestRegistry) -> Fut,
    Fut: Future<Output = Result<(), Problem>>,
{
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        for step in 0.. {
            assert!(step < STEPS_MAX, "{mode:?}: this takes more steps than a small thing should");
            let registry = prepare().await;
            let faults = Faults::at(step, mode);
            registry.registry.inject_faults(&faults);
            let outcome = work(&registry).await;
            registry.registry.inject_faults(&Faults::none());
            let registry = registry.settled().await;
            let fired = faults.fired();
            if let Err(problem) = &outcome {
                assert!(fired, "{mode:?} at {step}: {problem:?}");
            }
            registry.assert_sound().await;
            check(&registry, outcome.is_ok()).await;
            let registry = registry.reopened().await;
            registry.assert_sound().await;
            check(&registry, outcome.is_ok()).await;
            let again = work(&registry).await;
            again.unwrap_or_else(|problem| panic!("{mode:?} at {step}, again: {problem:?}"));
            registry.assert_sound().await;
            check(&registry, true).await;
            if !fired {
                assert!(step > 0, "nothing durable was done");
                break;
            }
        }
    }
}

/// The image is there whole, by tag and digest, or its manifest is not there at all; `is_certain`
/// where it must be.
async fn assert_whole_or_absent(registry: &TestRegistry, image: &Image, is_certain: bool) {
    let shelf = registry.shelf();
    let by_digest = shelf.manifest("team/app", &image.digest()).await;
    match by_digest {
        Ok(_) => shelf.pull("team/app", &image.digest(), image).await,
        Err(problem) => {
            assert_eq!(problem.code, ProblemCode::NotFound, "{problem:?}");
            assert!(!is_certain);
        }
    }
    match shelf.manifest("team/app", "latest").await {
        Ok(_) => shelf.pull("team/app", "latest", image).await,
        Err(problem) => {
            assert_eq!(problem.code, ProblemCode::NotFound, "{problem:?}");
            assert!(!is_certain);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push() {
    let image = Image::new("a");
    at_every_step(
        TestRegistry::open,
        |registry| {
            let (shelf, image) = (registry.shelf(), image.clone());
            async move { shelf.push("team/app", "latest", &image).await.map(drop) }
        },
        async |registry: &TestRegistry, is_certain| {
            assert_whole_or_absent(registry, &image, is_certain).await;
            let shelf = registry.shelf();
            let is_there = shelf.manifest("team/app", "latest").await.is_ok();
            let tags = shelf.tags("team/app").await.unwrap_or_default();
            assert_eq!(tags.len(), usize::from(is_there));
            let published = registry
                .events()
                .await
                .into_iter()
                .filter(|event| event.event.kind == provender_domain::EventKind::Published);
            assert_eq!(published.count(), usize::from(is_there), "it is recorded once");
            let referrers = shelf.referrers("team/app", &image.digest()).await.unwrap();
            assert!(referrers.len() == 1 || !is_certain, "it is signed once: {referrers:?}");
            for made in referrers {
                shelf.manifest("team/app", &made).await.unwrap();
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_in_pieces() {
    let layer = b"the bytes of a layer".to_vec();
    at_every_step(
        TestRegistry::open,
        |registry| {
            let (shelf, layer) = (registry.shelf(), layer.clone());
            async move {
                let session = shelf.begin("team/app").await?;
                let mut from = 0;
                // As clients do: after a failure they ask how much is there, and go on.
                for to in [7, 13] {
                    let sent = shelf.append("team/app", &session, None, &layer[from..to]).await;
                    from = match sent {
                        Ok(received) => received,
                        Err(_) => shelf.received("team/app", &session).await?,
                    }
                    .try_into()
                    .unwrap();
                }
                shelf.finish("team/app", &session, &layer[from..], &digest(&layer)).await
            }
        },
        async |registry: &TestRegistry, is_certain| {
            let shelf = registry.shelf();
            match shelf.blob("team/app", &digest(&layer)).await {
                Ok(bytes) => assert_eq!(bytes, layer),
                Err(problem) => {
                    assert_eq!(problem.code, ProblemCode::NotFound, "{problem:?}");
                    assert!(!is_certain);
                }
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirrored_image() {
    let upstream = ImageUpstream::start();
    let image = Image::new("a");
    upstream.add("team/app", "latest", &image);
    at_every_step(
        async || TestRegistry::mirroring_images(&upstream).await,
        |registry| {
            let (shelf, image) = (registry.shelf(), image.clone());
            async move {
                let manifest = shelf.manifest("team/app", "latest").await?;
                assert_eq!(digest(&manifest.identity), image.digest());
                for blob in image.blobs() {
                    assert_eq!(&shelf.blob("team/app", &digest(blob)).await?, blob);
                }
                Ok(())
            }
        },
        async |registry: &TestRegistry, is_certain| {
            let kept = registry.kept().await;
            let is_kept = |blob: &[u8]| {
                kept.iter().any(|kept| kept.file.name.as_str().ends_with(&digest(blob)))
            };
            if is_certain {
                assert!(is_kept(&image.manifest) && image.blobs().all(|blob| is_kept(blob)));
            }
            let mirrored = registry
                .events()
                .await
                .into_iter()
                .filter(|event| event.event.kind == provender_domain::EventKind::Mirrored);
            assert_eq!(mirrored.count(), usize::from(is_kept(&image.manifest)));
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal() {
    let image = Image::new("a");
    for what in ["manifests/latest".to_owned(), format!("manifests/{}", image.digest())] {
        at_every_step(
            async || {
                let registry = TestRegistry::open().await;
                registry.shelf().push("team/app", "latest", &image).await.unwrap();
                registry
            },
            |registry| {
                let (shelf, what) = (registry.shelf(), what.clone());
                async move {
                    match shelf.remove("team/app", &what).await {
                        // An earlier attempt was carried out.
                        Err(problem)
                            if matches!(
                                problem.code,
                                ProblemCode::NotFound | ProblemCode::Conflict
                            ) =>
                        {
                            Ok(())
                        }
                        outcome => outcome.map(drop),
                    }
                }
            },
            async |registry: &TestRegistry, is_certain| {
                let shelf = registry.shelf();
                let has_tag = shelf.manifest("team/app", "latest").await.is_ok();
                assert!(!has_tag || !is_certain);
                let is_there = shelf.manifest("team/app", &image.digest()).await.is_ok();
                let referrers = shelf.referrers("team/app", &image.digest()).await.unwrap();
                assert_eq!(referrers.len(), usize::from(is_there), "its evidence goes with it");
                match what.ends_with("latest") {
                    true => shelf.pull("team/app", &image.digest(), &image).await,
                    false => assert_eq!(has_tag, is_there, "its tags go with it"),
                }
                for blob in image.blobs() {
                    shelf.blob("team/app", &digest(blob)).await.unwrap();
                }
            },
        )
        .await;
    }
}
