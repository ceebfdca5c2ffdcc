//! The names of uploads. Nothing is written when one begins, so its name has to say that it did: an
//! upload that got no bytes is gone on with after a restart as any other is.

use provender_ecosystem::SessionId;

use crate::grant::AccessKey;

/// What tells one process from another, at the beginning of a name.
const PROCESS_BYTES: usize = 2;
/// What nobody can guess, and no two uploads have.
const RANDOM_BYTES: usize = 6;
/// What shows that the rest was made here, for this owner, at the end.
const TAG_BYTES: usize = 8;

/// What the names of this process begin with. That those of an earlier one begin alike is unlikely,
/// and makes such a client begin anew.
pub(crate) struct Sessions([u8; PROCESS_BYTES]);

impl Sessions {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut process = [0; PROCESS_BYTES];
        getrandom::fill(&mut process)?;
        Ok(Self(process))
    }

    /// A name for an upload that begins.
    pub(crate) fn name(&self, key: &AccessKey, owner: &str) -> Result<SessionId, getrandom::Error> {
        let mut name = [0; PROCESS_BYTES + RANDOM_BYTES + TAG_BYTES];
        let (said, tag) = name.split_at_mut(PROCESS_BYTES + RANDOM_BYTES);
        let (process, random) = said.split_at_mut(PROCESS_BYTES);
        process.copy_from_slice(&self.0);
        getrandom::fill(random)?;
        tag.copy_from_slice(&key.tag(&words(owner, said))[..TAG_BYTES]);
        Ok(SessionId::from_bytes(name))
    }

    /// Whether this process made it, if it was made here: then it knows whether the upload ended.
    pub(crate) fn is_of_this_process(&self, session: &SessionId) -> bool {
        session.to_bytes().starts_with(&self.0)
    }
}

/// Whether the name was made here, by this process or an earlier one, for this owner.
pub(crate) fn was_named_here(key: &AccessKey, owner: &str, session: &SessionId) -> bool {
    let name = session.to_bytes();
    let (said, tag) = name.split_at(PROCESS_BYTES + RANDOM_BYTES);
    key.is_tag(&words(owner, said), tag)
}

/// What is tagged; no access token says anything like it.
fn words(owner: &str, said: &[u8]) -> Vec<u8> {
    [b"an upload of\n", said, owner.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{Sessions, was_named_here, words};
    use crate::grant::AccessKey;

    #[test]
    fn a_name_says_who_began_it_and_for_whom() {
        let directory = tempfile::tempdir().unwrap();
        let key = AccessKey::open(directory.path()).unwrap();
        let other = AccessKey::open(tempfile::tempdir().unwrap().path()).unwrap();
        let (before, now) = (Sessions([1, 2]), Sessions([1, 3]));
        let name = before.name(&key, "a\npypi\nx").unwrap();
        let check = |key: &AccessKey, owner: &str, expected: bool| {
            assert_eq!(was_named_here(key, owner, &name), expected, "{owner:?}");
        };
        check(&key, "a\npypi\nx", true);
        check(&key, "a\npypi\ny", false);
        check(&other, "a\npypi\nx", false);
        assert!(before.is_of_this_process(&name) && !now.is_of_this_process(&name));
        assert_ne!(name, before.name(&key, "a\npypi\nx").unwrap());
        assert_ne!(words("a", b"bc"), words("c", b"ab"));
    }
}
