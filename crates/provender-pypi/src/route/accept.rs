//! Which rendering a client wants: the query's `format`, else the `Accept` field (RFC 9110, 12.5.1)
//! between the media types of PEP 691.

use percent_encoding::percent_decode_str;
use provender_domain::{Problem, ProblemCode};
use provender_ecosystem::{Rendition, RequestHead};

use crate::index::{HTML, JSON, JSON_TYPE, VERSIONED_HTML, VERSIONED_HTML_TYPE};

/// PEP 691's names for "the newest version that the server knows".
const LATEST_JSON_TYPE: &str = "application/vnd.pypi.simple.latest+json";
const LATEST_HTML_TYPE: &str = "application/vnd.pypi.simple.latest+html";

/// A rendering, and how it came to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The query says so.
    Demanded(Rendition),
    /// The header fields say so, or say nothing.
    Negotiated(Rendition),
}

impl Choice {
    pub(super) fn rendition(self) -> Rendition {
        match self {
            Self::Demanded(rendition) | Self::Negotiated(rendition) => rendition,
        }
    }
}

/// Chooses. Who accepts nothing that there is gets HTML, as PEP 691 allows.
pub(super) fn choose(request: &RequestHead<'_>) -> Result<Choice, Problem> {
    if let Some(format) = request.query.and_then(query_format) {
        return demanded(format).map(Choice::Demanded);
    }
    let rendition = request.headers.field("accept").map_or(HTML, negotiate);
    Ok(Choice::Negotiated(rendition))
}

fn query_format(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("format="))
}

fn demanded(raw: &str) -> Result<Rendition, Problem> {
    let format = percent_decode_str(raw).decode_utf8_lossy();
    match &*format {
        "json" | JSON_TYPE | LATEST_JSON_TYPE => Ok(JSON),
        VERSIONED_HTML_TYPE | LATEST_HTML_TYPE => Ok(VERSIONED_HTML),
        "html" | "text/html" => Ok(HTML),
        _ => {
            let message =
                format!("the formats there are: {JSON_TYPE}, {VERSIONED_HTML_TYPE}, text/html");
            Err(Problem::new(ProblemCode::InvalidRequest, message))
        }
    }
}

/// A quality in thousandths, and how exactly the range named the type. The greater is preferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    quality: u16,
    specificity: u8,
}

fn negotiate(accept: &str) -> Rendition {
    let mut offers = [(HTML, None), (VERSIONED_HTML, None), (JSON, None)];
    for range in accept.split(',') {
        let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
        let media_type = media_type.trim();
        let quality = quality(parameters);
        for (rendition, best) in &mut offers {
            consider(
                best,
                Preference { quality, specificity: specificity(media_type, *rendition) },
            );
        }
    }
    chosen(offers)
}

/// The more exact range says what quality a type has; the first of equals.
fn consider(best: &mut Option<Preference>, found: Preference) {
    let is_more_exact = best.is_none_or(|best| found.specificity > best.specificity);
    if found.specificity > 0 && is_more_exact {
        *best = Some(found);
    }
}

/// The best quality; among equals the type that was named more exactly, then the richer one, unless
/// only wildcards speak: then HTML, which everything understands.
fn chosen(offers: [(Rendition, Option<Preference>); 3]) -> Rendition {
    let mut chosen = (HTML, Preference::default());
    for (rendition, preference) in offers {
        let Some(preference) = preference.filter(|preference| preference.quality > 0) else {
            continue;
        };
        let is_better =
            preference > chosen.1 || (preference == chosen.1 && preference.specificity == EXACTLY);
        if is_better {
            chosen = (rendition, preference);
        }
    }
    chosen.0
}

/// The specificity of a range that names a type and no wildcard.
const EXACTLY: u8 = 3;

/// How exactly the range names this rendering's type; 0 where it does not.
fn specificity(range: &str, rendition: Rendition) -> u8 {
    let (names, family): (&[&str], &str) = match rendition {
        JSON => (&[JSON_TYPE, LATEST_JSON_TYPE], "application/*"),
        VERSIONED_HTML => (&[VERSIONED_HTML_TYPE, LATEST_HTML_TYPE], "application/*"),
        _ => (&["text/html"], "text/*"),
    };
    if names.iter().any(|name| range.eq_ignore_ascii_case(name)) {
        EXACTLY
    } else if range.eq_ignore_ascii_case(family) {
        2
    } else {
        u8::from(range == "*/*")
    }
}

/// The `q` among a range's parameters, in thousandths; 1 where there is none or it is malformed.
fn quality(parameters: &str) -> u16 {
    const WHOLE: u16 = 1000;
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(value) = value else { return WHOLE };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction.bytes().take(3).filter(u8::is_ascii_digit);
    let thousandths =
        digits.zip([100, 10, 1]).map(|(digit, weight)| u16::from(digit - b'0') * weight).sum();
    match whole {
        "0" => thousandths,
        _ => WHOLE,
    }
}
