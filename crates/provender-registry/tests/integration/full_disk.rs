//! Full disks: what is kept is served, and all is well once there is room again.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use provender_domain::{EventKind, ProblemCode, Scope, Severity};
use provender_ecosystem::Change;
use provender_registry::NewToken;
use provender_testing::python::PythonUpstream;
use tempfile::TempDir;

use crate::client::refused;
use crate::containers::{Image, ImageUpstream, digest};
use crate::registry::directory;
use crate::{TestRegistry, hours, minutes, wheel};

/// A small file system in memory, as long as this lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, and said so, where the tests may not mount anything.
    fn mount() -> Option<Self> {
        let place = directory();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(place.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(place));
        }
        // Past the harness, which shows nothing of tests that pass.
        let what = "the registry on a full disk: a tmpfs cannot be mounted here";
        let _ = writeln!(std::io::stderr(), "skip - {what}");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        let error = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_says_so_and_serves_on() {
    let Some(disk) = SmallDisk::mount() else { return };
    let upstream = PythonUpstream::start();
    let (kept, theirs, ours) = (wheel("kept", "1.0"), wheel("theirs", "1.0"), wheel("ours", "1.0"));
    for distribution in [&kept, &theirs] {
        upstream.add(distribution.clone());
    }
    let registry = TestRegistry::at(disk.path()).await;
    registry.add_upstream("main", "up", &upstream.index_url()).await;
    let client = registry.main();
    client.install(&kept).await;
    disk.fill();
    let full = ProblemCode::StorageFull;
    assert_eq!(refused(client.publish(&ours).await), full);
    assert_eq!(refused(client.file("theirs", &theirs.file_name).await), full);
    // What is kept is served, what can be read upstream is read, old or new.
    client.install(&kept).await;
    registry.clock.advance(minutes(11));
    assert_eq!(client.files("kept").await.len(), 1);
    assert_eq!(client.files("theirs").await.len(), 1);
    let full_since = async || registry.registry.status().await.unwrap().storage_full_since;
    assert!(full_since().await.is_some());
    assert_eq!(registry.events_of(EventKind::StorageFull, 0).await.len(), 0);
    disk.make_room();
    let told = registry.events_of(EventKind::StorageFull, 1).await;
    assert_eq!(told[0].severity, Some(Severity::Medium));
    assert!(told[0].event.detail.text("since").is_some());
    while full_since().await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.publish(&ours).await.unwrap();
    client.install(&theirs).await;
    registry.assert_sound().await;
    registry.assert_recorded(&[(EventKind::StorageFull, 1)]).await;
}

#[tokio::test]
async fn a_tag_that_moves_while_the_disk_is_full_points_where_it_did() {
    let Some(disk) = SmallDisk::mount() else { return };
    let upstream = ImageUpstream::start();
    let (one, two) = (Image::new("one"), Image::new("two"));
    upstream.add("team/app", "latest", &one);
    let registry = TestRegistry::at(disk.path()).await;
    registry.add_images(&upstream).await;
    let shelf = registry.shelf();
    shelf.pull("team/app", "latest", &one).await;
    disk.fill();
    upstream.add("team/app", "latest", &two);
    upstream.add("team/app", "new", &two);
    registry.clock.advance(minutes(2));
    let found = shelf.manifest("team/app", "latest").await.unwrap();
    assert_eq!(digest(&found.identity), one.digest());
    assert!(found.stale.is_some());
    assert_eq!(refused(shelf.manifest("team/app", "new").await), ProblemCode::StorageFull);
    disk.make_room();
    registry.clock.advance(minutes(2));
    shelf.pull("team/app", "latest", &two).await;
    registry.assert_sound().await;
}

/// Whoever stops a server to make room, or whose machine restarts, has a server that serves.
#[tokio::test]
async fn a_server_starts_on_a_full_disk_and_serves_what_is_kept() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (ours, later) = (wheel("ours", "1.0"), wheel("later", "1.0"));
    let registry = TestRegistry::at(disk.path()).await;
    registry.main().publish(&ours).await.unwrap();
    // The trusted keys' documents are due for renewal then, too.
    registry.clock.advance(hours(24 * 300));
    let registry = registry.reopened_after(|| disk.fill()).await;
    registry.main().install(&ours).await;
    // Where SQLite had left what it needs, the room that was held for that is free.
    disk.fill();
    let full = ProblemCode::StorageFull;
    assert_eq!(refused(registry.main().publish(&later).await), full);
    assert!(registry.registry.status().await.unwrap().storage_full_since.is_some());
    disk.make_room();
    registry.events_of(EventKind::StorageFull, 1).await;
    registry.main().publish(&later).await.unwrap();
    registry.assert_sound().await;
}

/// What closes, takes away or makes room goes on, of which there is most need then.
#[tokio::test]
async fn on_a_full_disk_files_are_closed_and_taken_away() {
    let Some(disk) = SmallDisk::mount() else { return };
    let (ours, bad, later) = (wheel("ours", "1.0"), wheel("bad", "1.0"), wheel("later", "1.0"));
    let registry = TestRegistry::at(disk.path()).await;
    let client = registry.main();
    client.publish(&ours).await.unwrap();
    client.publish(&bad).await.unwrap();
    let operator = registry.operator();
    let lost = NewToken {
        name: "lost".to_owned(),
        repository: None,
        scope: Scope::Publish,
        pattern: None,
        lifetime: None,
    };
    let lost = registry.registry.create_token(&operator, lost).await.unwrap();
    disk.fill();
    let full = ProblemCode::StorageFull;
    assert_eq!(refused(client.publish(&later).await), full);
    // However often, and whoever takes what that leaves free.
    for change in 0..40 {
        let reason = Some(format!("reason {change}"));
        client.change("ours", "1.0", Change::Yank { reason }).await.unwrap();
        disk.fill();
    }
    client.change("bad", "1.0", Change::Quarantine { reason: None }).await.unwrap();
    registry.registry.revoke_token(&operator, &lost.token.id.0).await.unwrap();
    client.delete("ours", "1.0").await;
    registry.registry.collect_garbage(&operator, false).await.unwrap();
    // No restart takes any of it back.
    drop(client);
    let registry = registry.reopened_after(|| disk.fill()).await;
    let client = registry.main();
    assert!(client.file("bad", &bad.file_name).await.is_err());
    assert!(client.file("ours", &ours.file_name).await.is_err());
    disk.make_room();
    client.publish(&later).await.unwrap();
    registry.assert_sound().await;
}
