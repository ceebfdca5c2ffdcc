//! `/-/tuf`: metadata and targets, as static files, all of them JSON.
//!
//! Files whose name has a version or a digest never change; the others are asked for each time.

use http::{Method, Response, StatusCode};

use super::dialect::json_response;
use super::{Call, Refusal, nothing_here};
use crate::body::Body;
use crate::server::Server;

const UNCHANGING: &str = "public, max-age=31536000, immutable";
const EVERY_TIME: &str = "no-cache";

pub(super) fn handle(server: &Server, call: &Call) -> Result<Response<Body>, Refusal> {
    call.takes(&Method::GET)?;
    let path = call.path.join("/");
    // Clients ask for the next root until there is none: they go by the 404.
    let bytes = server.authority().tuf_file(&path).ok_or_else(nothing_here)?;
    let cache = if is_named_by_content(&path) { UNCHANGING } else { EVERY_TIME };
    Ok(json_response(StatusCode::OK, bytes, cache))
}

/// `3.root.json`, `targets/<digest>.trusted_root.json`.
fn is_named_by_content(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let prefix = name.split_once('.').map_or("", |(prefix, _)| prefix);
    let is_version = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let is_digest = prefix.len() >= 64 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_version || is_digest
}

#[cfg(test)]
mod tests {
    use super::is_named_by_content;

    #[test]
    fn names() {
        let check = |path: &str, expected: bool| {
            assert_eq!(is_named_by_content(path), expected, "{path}");
        };
        check("1.root.json", true);
        check("12.snapshot.json", true);
        check(&format!("targets/{}.trusted_root.json", "a1".repeat(32)), true);
        check("root.json", false);
        check("timestamp.json", false);
        check("targets/trusted_root.json", false);
        check("targets/abc.trusted_root.json", false);
    }
}
