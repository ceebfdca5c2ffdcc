use bytes::Bytes;
use proptest::prelude::*;

use super::{Batch, BatchError};

fn batch() -> Batch {
    Batch {
        first_index: 7,
        entries: vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"three")],
        checkpoint: "origin\n10\n".to_owned(),
    }
}

#[test]
fn a_batch_comes_back() {
    assert_eq!(batch().end(), 10);
    assert_eq!(Batch::from_bytes(batch().to_bytes()).unwrap(), batch());
}

#[test]
fn what_is_no_batch_is_refused() {
    let bytes = batch().to_bytes();
    for end in 0..bytes.len() {
        let cut = Batch::from_bytes(bytes.slice(..end));
        assert!(matches!(cut, Err(BatchError::Truncated)), "cut at {end}: {cut:?}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(matches!(Batch::from_bytes(longer.into()), Err(BatchError::Trailing(1))));
    let mut newer = bytes.to_vec();
    newer[0] = 2;
    assert!(matches!(Batch::from_bytes(newer.into()), Err(BatchError::Version(2))));
    let empty = Batch { entries: Vec::new(), ..batch() };
    assert!(matches!(Batch::from_bytes(empty.to_bytes()), Err(BatchError::Count)));
    let endless = Batch { first_index: u64::MAX, ..batch() };
    assert!(matches!(Batch::from_bytes(endless.to_bytes()), Err(BatchError::Count)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(batch) = Batch::from_bytes(Bytes::from(bytes.clone())) {
            prop_assert_eq!(batch.to_bytes(), bytes);
        }
    }
}
