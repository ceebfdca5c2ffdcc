//! The credential that a request carries.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use provender_domain::{Problem, ProblemCode};

/// A token's text. It has no `Debug`: it is never logged.
#[derive(PartialEq, Eq)]
pub(crate) struct Credential(String);

impl Credential {
    /// Reads `Authorization`: `Bearer` with the token (RFC 6750), or `Basic` (RFC 7617) with the
    /// token as the password, whatever the user name, or as the user name with no password.
    ///
    /// A field that is there and cannot be read is a problem: whoever sends one wants to be known.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut fields = headers.get_all(AUTHORIZATION).into_iter();
        let Some(field) = fields.next() else { return Ok(None) };
        let text = field.to_str().ok().filter(|_| fields.next().is_none());
        text.and_then(parse).map(|token| Some(Self(token))).ok_or_else(malformed)
    }

    /// The token, to be held against those that are known.
    pub(crate) fn token(&self) -> &str {
        &self.0
    }
}

fn parse(field: &str) -> Option<String> {
    let (scheme, rest) = field.trim().split_once(' ')?;
    let rest = rest.trim();
    let token = if scheme.eq_ignore_ascii_case("bearer") {
        rest.to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest)?
    } else {
        return None;
    };
    (!token.is_empty()).then_some(token)
}

fn basic(encoded: &str) -> Option<String> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(if password.is_empty() { user.to_owned() } else { password.to_owned() })
}

fn malformed() -> Problem {
    Problem::new(
        ProblemCode::AuthenticationRequired,
        "the Authorization field is neither Basic with a token as password nor Bearer with a token",
    )
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue};
    use provender_domain::ProblemCode;

    use super::Credential;

    #[test]
    fn fields() {
        let check = |fields: &[&str], expected: Result<Option<&str>, ()>| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(AUTHORIZATION, HeaderValue::from_bytes(field.as_bytes()).unwrap());
            }
            let read = Credential::read(&headers);
            let read = read.as_ref().map(|found| found.as_ref().map(Credential::token));
            let read = read.map_err(|problem| {
                assert_eq!(problem.code, ProblemCode::AuthenticationRequired);
            });
            assert_eq!(read, expected, "{fields:?}");
        };
        check(&[], Ok(None));
        check(&["Bearer pvd_a_b"], Ok(Some("pvd_a_b")));
        check(&["bearer   pvd_a_b "], Ok(Some("pvd_a_b")));
        check(&["Basic X190b2tlbl9fOnB2ZF9hX2I="], Ok(Some("pvd_a_b")));
        check(&["basic X190b2tlbl9fOnB2ZF9hX2I"], Ok(Some("pvd_a_b")));
        check(&["BASIC cHZkX2FfYjo="], Ok(Some("pvd_a_b")));
        // A password may have colons, a user name not.
        check(&["Basic dTphOmI="], Ok(Some("a:b")));
        check(&["Basic Og=="], Err(()));
        check(&["Basic bm9jb2xvbg=="], Err(()));
        check(&["Basic !!!!"], Err(()));
        check(&["Basic /w=="], Err(()));
        check(&["Basic"], Err(()));
        check(&["Bearer "], Err(()));
        check(&["Digest username=x"], Err(()));
        check(&["token pvd_a_b"], Err(()));
        check(&["\u{e4}"], Err(()));
        check(&[""], Err(()));
        check(&["Bearer a", "Bearer a"], Err(()));
    }
}
