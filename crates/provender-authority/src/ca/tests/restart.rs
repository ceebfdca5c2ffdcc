//! What stays over a restart, and what is noticed.

use super::*;

fn open(folder: &TempDir, now: Timestamp) -> Result<CertificateAuthority, AuthorityFileError> {
    let ring = KeyRing::open(&folder.path().join("keys"))?;
    let certificates = folder.path().join("certificates");
    CertificateAuthority::open(&ring, &certificates, &CertificateSettings::default(), now)
}

/// Opens, does something to the files, and opens again.
fn reopened(
    change: impl FnOnce(&TempDir),
    later: SignedDuration,
) -> Result<CertificateAuthority, AuthorityFileError> {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(&folder, Timestamp::now()).expect("opens");
    change(&folder);
    let second = open(&folder, Timestamp::now() + later)?;
    assert_eq!(first.chain(), second.chain());
    Ok(second)
}

#[test]
fn a_restart_keeps_keys_and_certificates() {
    reopened(|_| (), SignedDuration::ZERO).expect("opens");
}

#[test]
fn the_root_key_may_be_away() {
    let take_away = |folder: &TempDir| {
        let root = folder.path().join("keys/root/ca-root.pem");
        std::fs::remove_file(root).expect("removed");
    };
    reopened(take_away, SignedDuration::ZERO).expect("opens");
}

#[test]
fn without_the_root_key_no_intermediate_is_made() {
    let take_away = |folder: &TempDir| {
        for file in ["keys/root/ca-root.pem", "certificates/ca-intermediate.pem"] {
            std::fs::remove_file(folder.path().join(file)).expect("removed");
        }
    };
    let error = reopened(take_away, SignedDuration::ZERO).expect_err("refused").to_string();
    assert!(error.contains("keys/root/ca-root.pem is not there"), "{error}");
}

#[test]
fn a_lost_key_is_not_replaced_silently() {
    let take_away = |folder: &TempDir| {
        std::fs::remove_file(folder.path().join("keys/ca-intermediate.pem")).expect("removed");
    };
    let error = reopened(take_away, SignedDuration::ZERO).expect_err("refused").to_string();
    assert!(error.contains("keys/ca-intermediate.pem is not there"), "{error}");
}

#[test]
fn a_replaced_key_is_noticed() {
    let replace = |folder: &TempDir| {
        let keys = folder.path().join("keys");
        std::fs::copy(keys.join("root/ca-root.pem"), keys.join("ca-intermediate.pem"))
            .expect("copied");
    };
    let error = reopened(replace, SignedDuration::ZERO).expect_err("refused");
    assert!(matches!(error, AuthorityFileError::ForeignKey { .. }), "{error}");
}

#[test]
fn an_ended_root_is_noticed() {
    let years = SignedDuration::from_hours(11 * 365 * 24);
    let error = reopened(|_| (), years).expect_err("refused");
    assert!(matches!(error, AuthorityFileError::Ended { .. }), "{error}");
}

#[test]
fn a_certificate_that_is_none_is_noticed() {
    let spoil = |folder: &TempDir| {
        std::fs::write(folder.path().join("certificates/ca-root.pem"), "").expect("written");
    };
    let error = reopened(spoil, SignedDuration::ZERO).expect_err("refused");
    assert!(matches!(error, AuthorityFileError::Malformed { .. }), "{error}");
}

/// Keys come before certificates; a start that ended in between goes on with the same keys.
#[test]
fn an_interrupted_first_start_goes_on() {
    fn check(lost: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let first = open(&folder, Timestamp::now()).expect("opens");
        for file in lost {
            std::fs::remove_file(folder.path().join(file)).expect("removed");
        }
        let second = open(&folder, Timestamp::now()).expect("opens");
        let key = |authority: &CertificateAuthority| authority.chain.root.tbs_certificate.clone();
        let (first, second) = (key(&first), key(&second));
        assert_eq!(first.subject_public_key_info, second.subject_public_key_info, "{lost:?}");
    }
    let root = "certificates/ca-root.pem";
    let child = "certificates/ca-intermediate.pem";
    check(&[child]);
    check(&[child, "keys/ca-intermediate.pem"]);
    check(&[root, child]);
    check(&[root, child, "keys/ca-intermediate.pem"]);
}
