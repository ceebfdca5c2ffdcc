//! Content negotiation by encoding (RFC 9110 section 12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// Whether the client takes gzip and does not prefer plain bytes to it. Without the field a client
/// is taken to know no encoding, as old ones do.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut gzip = None;
    let mut any = None;
    let mut identity = 0;
    for field in headers.get_all(ACCEPT_ENCODING) {
        for item in field.to_str().unwrap_or_default().split(',') {
            let (coding, weight) = match item.split_once(';') {
                Some((coding, parameters)) => (coding.trim(), weight_thousandths(parameters)),
                None => (item.trim(), 1000),
            };
            if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                gzip = Some(weight);
            } else if coding == "*" {
                any = Some(weight);
            } else if coding.eq_ignore_ascii_case("identity") {
                identity = weight;
            }
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity
}

/// What is not a weight (section 12.4.2) is taken for a refusal: plain bytes are always right.
fn weight_thousandths(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    let Some(weight) = parameters.strip_prefix("q=").or_else(|| parameters.strip_prefix("Q="))
    else {
        return 0;
    };
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "0" => format!("{decimals:0<3}").parse().unwrap_or(0),
        "1" => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;
    use http::{HeaderMap, HeaderValue};

    use super::accepts_gzip;

    #[test]
    fn fields() {
        let check = |field: Option<&'static str>, expected: bool| {
            let field = field.map(|value| (ACCEPT_ENCODING, HeaderValue::from_static(value)));
            assert_eq!(
                accepts_gzip(&field.clone().into_iter().collect::<HeaderMap>()),
                expected,
                "{field:?}"
            );
        };
        check(None, false);
        check(Some(""), false);
        check(Some("gzip"), true);
        check(Some("gzip, deflate"), true);
        check(Some("br, GZIP ;q=0.8"), true);
        check(Some("x-gzip"), true);
        check(Some("*"), true);
        check(Some("identity"), false);
        check(Some("br"), false);
        check(Some("gzip;q=0"), false);
        check(Some("gzip;q=0.000"), false);
        check(Some("gzip;q=0.001"), true);
        check(Some("gzip;q=0, *"), false);
        check(Some("*;q=0"), false);
        check(Some("*;q=0.5, br"), true);
        check(Some("identity;q=1, gzip;q=0.5"), false);
        check(Some("identity;q=0.5, gzip;q=0.5"), true);
        check(Some("gzip;q=1.0"), true);
        check(Some("gzip;q=2"), false);
        check(Some("gzip;q=0.1234"), false);
        check(Some("gzip;q=x"), false);
        check(Some("gzip;level=9"), false);
    }
}
