//! `provender log search` where the server looks nothing up: every entry is read here.
//!
//! Whoever may log can put any name into a certificate of their own making. A name is shown, and found
//! by, only where an authority of the trust root issued the certificate and its key made the signature.

use anyhow::{Context as _, Result};
use provender_attest::TrustRoot;
use provender_tlog::checkpoint::Checkpoint;
use provender_tlog::rekor::{self, HashedRekord, Material, Request};
use provender_tlog::tile::{self, TileKind, TilePath, WIDTH};

use super::{Found, FoundEntry, LOG_PREFIX};
use crate::instance::Instance;

/// The entries about a digest, or by an identity that the server's trust root vouches for.
pub(super) async fn scan(instance: &Instance, (what, value): (&str, &str)) -> Result<Found> {
    let by_digest = what == "digest";
    let key = match by_digest {
        true => {
            let hexadecimal = value.strip_prefix("sha256:").unwrap_or(value);
            rekor::digest_key(&hex::decode(hexadecimal)?)
        }
        false => rekor::identity_key(value),
    };
    let root = instance.trust().await?;
    let checkpoint = instance.get(&format!("{LOG_PREFIX}checkpoint"), &[]).await?;
    // Signatures stand behind an empty line; `log verify` is who checks them.
    let (text, _) = str::from_utf8(&checkpoint)?.split_once("\n\n").context("no signature")?;
    let checkpoint = Checkpoint::parse(&format!("{text}\n"))?;
    let mut items = Vec::new();
    for bundle in 0..checkpoint.size.div_ceil(u64::from(WIDTH)) {
        let path = TilePath::full(TileKind::Entries, bundle).in_tree(checkpoint.size);
        let path = path.context("a tile is not in the tree")?;
        let bytes = instance.get(&format!("{LOG_PREFIX}{path}"), &[]).await?;
        let first = bundle * u64::from(WIDTH);
        for (index, body) in (first..).zip(tile::decode_entries(&bytes, path.width())?) {
            if !rekor::keys(&body).contains(&key) {
                continue;
            }
            let found = found_entry(index, &body, &root)?;
            if by_digest || found.identity.as_deref() == Some(value) {
                items.push(found);
            }
        }
    }
    Ok(Found { items })
}

fn found_entry(index: u64, body: &[u8], root: &TrustRoot) -> Result<FoundEntry> {
    let entry = HashedRekord::from_body(body)?;
    let digest = Some(hex::encode(&entry.digest));
    Ok(FoundEntry { index, digest, identity: signer(entry, root) })
}

/// Who signed, as far as that is proved.
fn signer(entry: HashedRekord, root: &TrustRoot) -> Option<String> {
    match &entry.verifier.material {
        Material::Certificate(der) if root.has_issued(der) => {}
        Material::Certificate(_) | Material::PublicKey(_) => return None,
    }
    let verified = Request::new(entry).verify().ok()?;
    verified.entry().verifier.identities().ok()?.into_iter().next()
}
