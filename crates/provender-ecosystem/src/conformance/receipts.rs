//! Receipts, challenges, presentations, and lists in pages.

use provender_domain::{RepositoryName, Scope, Tag};
use url::Url;

use super::requests::get;
use super::{ORIGIN, REPOSITORY, Samples, endpoint, root};
use crate::{
    Document, Ecosystem, Operation, Receipt, ReferrersView, Rendition, SessionId, Subject,
    TagsView, View,
};

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    receipts(ecosystem, samples);
    presentations(ecosystem, samples);
    challenges(ecosystem, samples);
    tags(ecosystem, samples);
    referrers(ecosystem, samples);
}

/// What went well is answered with a success, and where it is said to be there it is.
fn receipts(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let package = &samples.view.package;
    let session = SessionId::from_bytes([7; 16]);
    let tag = samples.tags.first().and_then(|raw| ecosystem.tag(raw).ok());
    let uploading = |received_bytes, is_status| Receipt::Uploading {
        package,
        session: &session,
        received_bytes,
        is_status,
    };
    let mut receipts = vec![Receipt::Cancelled, Receipt::Changed];
    receipts.extend([0, 1, u64::MAX].map(|received_bytes| uploading(received_bytes, false)));
    receipts.push(uploading(7, true));
    for file in &samples.view.files {
        let (file, tag) = (&file.name, tag.as_ref());
        receipts.push(Receipt::Stored { package, file });
        receipts.push(Receipt::Published { package, file, tag, subject: Some(file) });
        receipts.push(Receipt::Published { package, file, tag: None, subject: None });
    }
    for receipt in receipts {
        let Some(reply) = ecosystem.reply(&endpoint(), &receipt) else { continue };
        assert!((200..300).contains(&reply.status), "{receipt:?} is answered {}", reply.status);
        fields_are_sound(&reply.fields);
        let location = reply.fields.iter().find(|(name, _)| *name == "location");
        if let Some((_, location)) = location {
            leads_to(ecosystem, location, &receipt);
        }
    }
}

fn leads_to(ecosystem: &dyn Ecosystem, location: &str, receipt: &Receipt<'_>) {
    let url = Url::parse(ORIGIN).and_then(|origin| origin.join(location)).expect("a reference");
    let found = get(ecosystem, &url).unwrap_or_else(|problem| panic!("{location}: {problem}"));
    match (&found, receipt) {
        (
            Operation::File { file: found, .. },
            Receipt::Stored { file, .. } | Receipt::Published { file, .. },
        ) => assert_eq!(&found, file, "{location} is another file"),
        (Operation::Upload { .. }, Receipt::Uploading { .. }) => {}
        _ => panic!("{receipt:?} is said to be at {location}, which is {found:?}"),
    }
}

fn presentations(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for file in &samples.view.files {
        let mut hostile = file.clone();
        for value in hostile.attributes.0.values_mut() {
            *value = "text/html\r\nx: y".into();
        }
        for file in [file, &hostile] {
            let presentation = ecosystem.presentation(file);
            let media_type = presentation.content_type.as_ref();
            let may_run = ["html", "svg", "xml", "javascript"];
            let is_page = may_run.iter().any(|part| media_type.contains(part));
            assert!(!is_page, "{} is sent as {media_type}, which a browser would run", file.name);
            fields_are_sound(&[("content-type", media_type.to_owned())]);
            fields_are_sound(&presentation.fields);
        }
    }
}

fn challenges(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let index = Url::parse(&root(ecosystem)).and_then(|root| root.join(samples.index_path));
    let about = get(ecosystem, &index.expect("a path")).ok();
    let about = about.as_ref();
    for (about, needs) in [(None, None), (about, None), (about, Some(Scope::Publish))] {
        let challenge = ecosystem.challenge(&endpoint(), about, needs);
        fields_are_sound(
            &challenge.map(|text| ("www-authenticate", text)).into_iter().collect::<Vec<_>>(),
        );
    }
}

/// The link to the next page is routed to it.
fn tags(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let tags: Vec<Tag> = samples.tags.iter().filter_map(|raw| ecosystem.tag(raw).ok()).collect();
    let Some(last) = tags.last().cloned() else { return };
    let repository = RepositoryName::new(REPOSITORY).expect("a name");
    let package = samples.view.package.clone();
    let mut view = TagsView { repository, package, tags, more: Some(7) };
    let document = ecosystem.render(&View::Tags(&view), Rendition(0));
    fields_are_sound(&document.fields);
    let text = String::from_utf8_lossy(&document.body);
    assert!(view.tags.iter().all(|tag| text.contains(tag.as_str())), "a tag is left out");
    let link = link(&document).expect("there is a next page");
    let url = Url::parse(ORIGIN).and_then(|origin| origin.join(&link)).expect("a reference");
    match get(ecosystem, &url) {
        Ok(Operation::Index { subject: Subject::Tags { package, page }, .. }) => {
            assert_eq!(package, view.package, "{link} is of another package");
            assert_eq!(page.after.as_deref(), Some(last.as_str()), "{link} begins elsewhere");
            assert_eq!(page.limit, Some(7), "{link} is of another length");
        }
        other => panic!("{link} is no list of tags: {other:?}"),
    }
    view.more = None;
    let document = ecosystem.render(&View::Tags(&view), Rendition(0));
    assert_eq!(self::link(&document), None, "the last page has a next one");
}

fn link(document: &Document) -> Option<String> {
    let (_, field) = document.fields.iter().find(|(name, _)| *name == "link")?;
    Some(field.strip_prefix('<')?.split('>').next()?.to_owned())
}

/// What was not asked for is left out.
fn referrers(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let Some(of) = samples.view.files.first().map(|file| file.name.clone()) else { return };
    let mut view = ReferrersView {
        repository: RepositoryName::new("main").expect("a name"),
        package: samples.view.package.clone(),
        of,
        files: samples.view.files.clone(),
        kind: None,
        after: None,
    };
    let all = ecosystem.render(&View::Referrers(&view), Rendition(0));
    fields_are_sound(&all.fields);
    view.kind = Some("no/such.kind".to_owned());
    let none = ecosystem.render(&View::Referrers(&view), Rendition(0));
    view.files.clear();
    let empty = ecosystem.render(&View::Referrers(&view), Rendition(0));
    assert_eq!(none.body, empty.body, "referrers of another kind are listed");
}

fn fields_are_sound(fields: &[(&'static str, String)]) {
    for (name, value) in fields {
        let is_lower = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(is_lower, "{name} is no field name in lower case");
        let is_line = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        assert!(is_line, "{name}: {value:?} does not belong into a header");
    }
}
