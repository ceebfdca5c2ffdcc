//! `Link` fields (RFC 8288), as far as lists in pages need them.

use url::Url;

/// Longest link that is followed, in bytes.
const LINK_LIMIT_BYTES: usize = 4096;

/// Where the next page is: the first link with `rel="next"`. It must be another part of the same
/// list, so that an upstream cannot send this server, with its credentials, anywhere else.
pub(super) fn next(page: &Url, field: &str) -> Option<Url> {
    if field.len() > LINK_LIMIT_BYTES {
        return None;
    }
    let target = targets(field).find(|(_, parameters)| says_next(parameters))?.0;
    let mut url = page.join(target).ok()?;
    url.set_fragment(None);
    let is_same_list = url.origin() == page.origin() && url.path() == page.path();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    (is_same_list && is_anonymous && url != *page).then_some(url)
}

/// Each `<target>` and what stands behind it, up to the next one.
fn targets(field: &str) -> impl Iterator<Item = (&str, &str)> {
    field.split('<').skip(1).filter_map(|piece| piece.split_once('>'))
}

fn says_next(parameters: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(
        |(key, value)| {
            let value = value.trim().trim_matches('"');
            key.trim().eq_ignore_ascii_case("rel")
                && value.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"))
        },
    )
}
