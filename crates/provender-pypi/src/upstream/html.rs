//! PEP 503's HTML, tokenized as browsers do. What counts is start tags: `a`, the first `base`, and
//! the `meta` tags of PEP 629 and PEP 792. Text, nesting and closing tags count for nothing, as
//! clients take a file's name from its URL.

use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use percent_encoding::percent_decode_str;
use provender_domain::PackageName;
use provender_ecosystem::UpstreamFormatError;
use url::Url;

use super::{
    Entries, FILES_LIMIT, NAMES_LIMIT, RawFile, RawMetadata, check_version, link,
    without_credentials, yank,
};
use crate::name;

pub(super) fn read_index(
    body: &[u8],
    entries: &mut Entries<'_>,
) -> Result<(), UpstreamFormatError> {
    // Twice what can be listed: other links are on these pages too.
    let page = read_page(body, FILES_LIMIT * 2)?;
    if let Some(version) = page.meta("pypi:repository-version") {
        check_version(version)?;
    }
    let status = page.meta("pypi:project-status");
    entries.set_status(status, page.meta("pypi:project-status-reason"));
    if let Some(base) = &page.base {
        entries.rebase(base);
    }
    for anchor in &page.anchors {
        let Some(href) = anchor.attribute("href") else { continue };
        let (url, fragment) = href.split_once('#').unwrap_or((href, ""));
        let Some(name) = file_name(url) else { continue };
        entries.add(&anchor.raw(&name, url, fragment))?;
    }
    Ok(())
}

/// Names are the last segments of the links below the page, as PEP 503 has them at
/// `<base>/<name>/`; links to other hosts or folders are no names.
pub(super) fn read_catalogue(
    body: &[u8],
    url: &Url,
) -> Result<Vec<PackageName>, UpstreamFormatError> {
    let page = read_page(body, NAMES_LIMIT)?;
    let document = without_credentials(url.clone());
    let base = page.base.as_deref().and_then(|href| link(&document, href)).unwrap_or(document);
    let names = page.anchors.iter().filter_map(|anchor| {
        let target = link(&base, anchor.attribute("href")?)?;
        let raw = base.make_relative(&target)?;
        name::normalize(raw.strip_suffix('/').unwrap_or(&raw)).ok()
    });
    Ok(names.collect())
}

/// The last segment of a URL's path, decoded.
fn file_name(url: &str) -> Option<String> {
    let path = url.split('?').next().unwrap_or_default();
    let segment = path.trim().rsplit('/').next().unwrap_or_default();
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The tags of a page that mean something.
#[derive(Debug, Default)]
struct Page {
    base: Option<String>,
    metas: Vec<Tag>,
    anchors: Vec<Tag>,
}

/// Most `meta` tags that are looked at.
const METAS_LIMIT: usize = 100;
/// Most attributes of one tag that are looked at.
const TAG_ATTRIBUTES_LIMIT: usize = 32;

impl Page {
    fn meta(&self, name: &str) -> Option<&str> {
        let meta = self.metas.iter().find(|meta| meta.attribute("name") == Some(name))?;
        meta.attribute("content").map(str::trim)
    }

    fn take(&mut self, tag: Tag) {
        match tag.kind {
            TagKind::Anchor => self.anchors.push(tag),
            TagKind::Meta if self.metas.len() < METAS_LIMIT => self.metas.push(tag),
            TagKind::Base if self.base.is_none() => {
                self.base = tag.attribute("href").map(str::to_owned);
            }
            TagKind::Meta | TagKind::Base | TagKind::Other => {}
        }
    }
}

fn read_page(body: &[u8], anchors_limit: usize) -> Result<Page, UpstreamFormatError> {
    let mut page = Page::default();
    let mut open: Option<Tag> = None;
    let mut emitter =
        CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| -> Option<Infallible> {
            match event {
                CallbackEvent::OpenStartTag { name } => open = Some(Tag::new(name)),
                CallbackEvent::AttributeName { name } => {
                    if let Some(tag) = &mut open {
                        tag.start_attribute(name);
                    }
                }
                CallbackEvent::AttributeValue { value } => {
                    if let Some(tag) = &mut open {
                        tag.end_attribute(value);
                    }
                }
                CallbackEvent::CloseStartTag { .. } => {
                    if let Some(tag) = open.take()
                        && page.anchors.len() <= anchors_limit
                    {
                        page.take(tag);
                    }
                }
                // Browsers mend what is wrong, and so does the tokenizer.
                CallbackEvent::Error(_) => {}
                // End tags may have attributes of their own.
                _ => open = None,
            }
            None
        });
    // Without it, anchors inside of scripts and the like would count.
    emitter.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(body, emitter).finish();
    if page.anchors.len() > anchors_limit {
        let reason = format!("it has more than {anchors_limit} links");
        return Err(UpstreamFormatError::Malformed { reason });
    }
    Ok(page)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagKind {
    Anchor,
    Base,
    Meta,
    Other,
}

#[derive(Debug)]
struct Tag {
    kind: TagKind,
    attributes: Vec<(String, String)>,
    /// Whether the attribute at hand is the first of its name: only that one counts.
    accepts_value: bool,
}

impl Tag {
    fn new(name: &[u8]) -> Self {
        let kind = match name {
            b"a" => TagKind::Anchor,
            b"base" => TagKind::Base,
            b"meta" => TagKind::Meta,
            _ => TagKind::Other,
        };
        Self { kind, attributes: Vec::new(), accepts_value: false }
    }

    fn start_attribute(&mut self, name: &[u8]) {
        let name = String::from_utf8_lossy(name);
        self.accepts_value = self.kind != TagKind::Other
            && self.attributes.len() < TAG_ATTRIBUTES_LIMIT
            && self.attribute(&name).is_none();
        if self.accepts_value {
            self.attributes.push((name.into_owned(), String::new()));
        }
    }

    fn end_attribute(&mut self, value: &[u8]) {
        if self.accepts_value
            && let Some((_, text)) = self.attributes.last_mut()
        {
            text.push_str(&String::from_utf8_lossy(value));
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn raw<'a>(&'a self, name: &'a str, url: &'a str, fragment: &'a str) -> RawFile<'a> {
        RawFile {
            name,
            url,
            hashes: fragment.split('&').filter_map(|pair| pair.split_once('=')).collect(),
            requires_python: self.attribute("data-requires-python"),
            yank: self.attribute("data-yanked").map(yank),
            metadata: self.metadata(),
            provenance: self.attribute("data-provenance"),
            ..RawFile::default()
        }
    }

    /// PEP 714: the new attribute decides where it is there, else the old one does.
    fn metadata(&self) -> RawMetadata<'_> {
        let value = self
            .attribute("data-core-metadata")
            .or_else(|| self.attribute("data-dist-info-metadata"));
        match value {
            Some("true") => RawMetadata::Present,
            Some(value) => {
                value.strip_prefix("sha256=").map_or(RawMetadata::Absent, RawMetadata::Sha256)
            }
            None => RawMetadata::Absent,
        }
    }
}
