//! Pushes while garbage is collected all the time: what is acknowledged is whole and stays so.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use provender_domain::ProblemCode;

use super::{Image, Shelf, digest};
use crate::hours;
use crate::registry::TestRegistry;

/// For how many seconds to push and collect; a handful, unless somebody has more time.
const SECONDS: &str = "PROVENDER_TEST_COLLECTION_SECONDS";
const SECONDS_DEFAULT: u64 = 8;
/// Who push at once.
const PUSHERS: u64 = 5;
/// How often a push may be told that a layer is missing, as clients that try again are.
const ATTEMPTS: usize = 200;

/// Numbers that differ from run to run; a failure says its seed, which says nothing of the timing.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    async fn pause(&mut self) {
        let wait = self.below(4_000);
        if wait < 1_500 {
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
    }
}

/// An image of layers that others have too.
fn image(dice: &mut Dice, pusher: u64, number: u64) -> Image {
    let mut layers = vec![format!("base {}", dice.below(3)).into_bytes()];
    layers.push(format!("shared {}", dice.below(6)).into_bytes());
    if dice.below(2) == 0 {
        layers.push(format!("own {pusher} {number}").into_bytes());
    }
    Image::of(&format!("{pusher} {number}"), layers)
}

/// Pushes as clients do: looks, mounts or uploads, then the manifest, and once more where it is
/// told that something is missing.
async fn push(shelf: &Shelf, dice: &mut Dice, name: &str, tag: &str, image: &Image) {
    for _ in 0..ATTEMPTS {
        for blob in image.blobs() {
            dice.pause().await;
            let digest = digest(blob);
            let is_there = match dice.below(3) {
                0 => shelf.blob(name, &digest).await.is_ok(),
                1 => shelf.mount(name, &digest, None).await.unwrap(),
                _ => false,
            };
            if !is_there {
                shelf.upload(name, blob).await.unwrap();
            }
        }
        dice.pause().await;
        match shelf.put(name, tag, &image.manifest).await {
            Ok(_) => return,
            Err(problem) if problem.code == ProblemCode::MissingReference => {}
            Err(problem) => panic!("{problem:?}"),
        }
    }
    panic!("{name}:{tag} could not be pushed in {ATTEMPTS} attempts");
}

async fn push_and_look(shelf: Shelf, pusher: u64, until: Instant) -> u64 {
    let mut dice = Dice::new();
    let mut kept: Vec<(String, String, Image)> = Vec::new();
    let mut number = 0;
    while Instant::now() < until {
        number += 1;
        let name = format!("team/app-{}", dice.below(3));
        let tag = format!("v{pusher}-{number}");
        let image = image(&mut dice, pusher, number);
        push(&shelf, &mut dice, &name, &tag, &image).await;
        shelf.pull(&name, &tag, &image).await;
        kept.push((name, tag, image));
        // Something of before is still whole; sometimes it goes.
        let at = usize::try_from(dice.below(kept.len() as u64)).unwrap();
        let (name, tag, image) = &kept[at];
        shelf.pull(name, tag, image).await;
        if kept.len() > 6 || dice.below(3) == 0 {
            let (name, _, image) = kept.swap_remove(at);
            shelf.remove(&name, &format!("manifests/{}", image.digest())).await.unwrap();
        }
    }
    for (name, tag, image) in &kept {
        shelf.pull(name, tag, image).await;
    }
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_image_stays_whole() {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT));
    let registry = TestRegistry::tuned(|tuning| tuning.orphan_grace = Duration::ZERO).await;
    // Every blob is old enough to go.
    registry.clock.advance(hours(2));
    let done = Arc::new(AtomicBool::new(false));
    let collecting = {
        let (api, operator) = (registry.registry.clone(), registry.operator());
        let (clock, done) = (registry.clock.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut forgotten = 0;
            while !done.load(Ordering::SeqCst) {
                // What is marked in this round may be forgotten in the next.
                clock.advance(Duration::from_micros(1));
                let collected = api.collect_garbage(&operator, false).await.expect("a collection");
                forgotten += collected.files;
                tokio::task::yield_now().await;
            }
            forgotten
        })
    };
    let mut pushing = tokio::task::JoinSet::new();
    for pusher in 0..PUSHERS {
        pushing.spawn(push_and_look(registry.shelf(), pusher, until));
    }
    let pushed: u64 = pushing.join_all().await.into_iter().sum();
    done.store(true, Ordering::SeqCst);
    let forgotten = collecting.await.unwrap();
    assert!(pushed >= PUSHERS && forgotten > 0, "{pushed} pushed, {forgotten} forgotten");
    registry.assert_sound().await;
    registry.reopened().await.assert_sound().await;
}
