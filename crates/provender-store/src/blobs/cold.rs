//! Blobs that no memory of the kernel's holds yet, as they were written past it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use provender_domain::BlobId;

/// How many are remembered; of more, the oldest have to be read from the disk by who asks for them.
const COLD_BLOBS: usize = 1024;

/// Those that were committed last, until they are asked for.
#[derive(Debug, Default)]
pub(super) struct Cold(Mutex<VecDeque<BlobId>>);

impl Cold {
    pub(super) fn note(&self, id: BlobId) {
        let mut blobs = self.blobs();
        if blobs.len() == COLD_BLOBS {
            blobs.pop_front();
        }
        blobs.push_back(id);
    }

    /// Those among these that are cold, and will be no longer.
    pub(super) fn take(&self, ids: &[BlobId]) -> Vec<BlobId> {
        let mut blobs = self.blobs();
        let mut taken = Vec::new();
        if !blobs.is_empty() {
            blobs.retain(|id| {
                let is_asked_for = ids.contains(id);
                if is_asked_for && !taken.contains(id) {
                    taken.push(*id);
                }
                !is_asked_for
            });
        }
        taken
    }

    fn blobs(&self) -> MutexGuard<'_, VecDeque<BlobId>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use provender_domain::BlobId;

    use super::{COLD_BLOBS, Cold};

    fn id(number: usize) -> BlobId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        BlobId::from_bytes(bytes)
    }

    #[test]
    fn each_is_taken_once_and_the_oldest_are_forgotten() {
        let cold = Cold::default();
        (0..=COLD_BLOBS).for_each(|number| cold.note(id(number)));
        cold.note(id(7));
        assert_eq!(cold.take(&[id(0), id(1), id(7), id(COLD_BLOBS + 1)]), [id(7)]);
        assert_eq!(cold.take(&[id(7), id(3), id(2)]), [id(2), id(3)]);
        assert_eq!(cold.take(&[id(2)]), []);
    }
}
