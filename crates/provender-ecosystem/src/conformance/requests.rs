//! Requests and publications.

use std::borrow::Cow;

use provender_domain::{Problem, Scope};
use url::Url;

use super::{Samples, hostile_texts, root};
use crate::{
    Ecosystem, Form, Headers, Method, Mount, Operation, Path, RequestHead, RootOperation,
    TokenRequest, UploadStep,
};

const METHODS: [Method; 5] =
    [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

/// The same value for every field.
pub(super) struct EveryField<'a>(pub(super) Option<&'a str>);

impl Headers for EveryField<'_> {
    fn field(&self, _: &str) -> Option<&str> {
        self.0
    }
}

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    index(ecosystem, samples);
    hostile(ecosystem, samples);
    publication(ecosystem, samples);
}

/// Asks for the path of an absolute URL below [`root`].
pub(super) fn get(ecosystem: &dyn Ecosystem, url: &Url) -> Result<Operation, Problem> {
    let root = root(ecosystem);
    let rest = url.as_str().strip_prefix(&root).unwrap_or_else(|| panic!("{url} leads outside"));
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let path = format!("/{}", path.split('#').next().unwrap_or_default());
    let path = Path::parse(&path).unwrap_or_else(|error| panic!("{url}: {error}"));
    ecosystem.route(&RequestHead {
        method: Method::Get,
        segments: &path.segments,
        trailing_slash: path.trailing_slash,
        query,
        headers: &EveryField(None),
    })
}

fn index(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let url = Url::parse(&root(ecosystem))
        .and_then(|root| root.join(samples.index_path))
        .expect("a path");
    let package = &samples.view.package;
    match get(ecosystem, &url) {
        Ok(Operation::Index { subject, .. }) if subject.package() == Some(package) => {}
        other => panic!("{url} is not the index of {package}: {other:?}"),
    }
}

/// Every hostile segment in every place of the paths that there are.
fn hostile(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let index: Vec<&str> = samples.index_path.split('/').filter(|part| !part.is_empty()).collect();
    let mut paths: Vec<Vec<String>> = vec![Vec::new(), vec![String::from("a"); 64]];
    for text in hostile_texts() {
        // What `Path` lets through, and no more.
        if matches!(text.as_str(), "" | "." | "..")
            || text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
        {
            continue;
        }
        paths.push(vec![text.clone()]);
        for at in 0..index.len() {
            let mut path: Vec<String> = index.iter().map(|&part| part.to_owned()).collect();
            path[at].clone_from(&text);
            paths.push(path.clone());
            path.push(text.clone());
            paths.push(path);
        }
        for first in ["files", "v2", "api", "-", "simple", "integrity"] {
            paths.push(vec![first.to_owned(), "demo".to_owned(), text.clone()]);
            paths.push(vec![first.to_owned(), text.clone(), text.clone()]);
            paths
                .push(["", "demo", "1.0", text.as_str(), "provenance"].map(str::to_owned).to_vec());
            let last = paths.last_mut().expect("just pushed");
            first.clone_into(&mut last[0]);
        }
    }
    for path in &paths {
        for method in METHODS {
            for trailing_slash in [false, true] {
                request(ecosystem, method, path, trailing_slash);
            }
        }
    }
}

fn request(ecosystem: &dyn Ecosystem, method: Method, path: &[String], trailing_slash: bool) {
    let segments: Vec<Cow<'_, str>> = path.iter().map(|part| Cow::Borrowed(&**part)).collect();
    for noise in [None, Some(""), Some("*/*"), Some("a=b&&=;q=,,;\u{e4}%%2")] {
        let head = RequestHead {
            method,
            segments: &segments,
            trailing_slash: trailing_slash || segments.is_empty(),
            query: noise,
            headers: &EveryField(noise),
        };
        below_root_mount(ecosystem, &head);
        let Ok(operation) = ecosystem.route(&head) else { continue };
        let only_asks =
            matches!(operation, Operation::Upload { step: UploadStep::Status { .. }, .. });
        if method == Method::Get && !only_asks {
            assert_eq!(operation.scope(), Scope::Read, "GET {path:?} changes something");
        }
        if let Some(package) = operation.package() {
            let again = ecosystem.package_name(package.as_str());
            assert_eq!(again.as_ref(), Ok(package), "{path:?} gives a name that is not normal");
        }
        if let Operation::Redirect { location } = operation {
            redirect(ecosystem, &head, &location);
        }
    }
}

/// Only a root mount has requests about no repository, and their names are normal.
fn below_root_mount(ecosystem: &dyn Ecosystem, head: &RequestHead<'_>) {
    let Some(Ok(operation)) = ecosystem.route_root(head) else { return };
    let has_mount = matches!(ecosystem.mount(), Mount::Root { .. });
    assert!(has_mount, "{:?} is routed without a root mount", head.segments);
    let request = match operation {
        RootOperation::Token(request) => Some(request),
        RootOperation::TokenByForm => by_form(ecosystem, head.query.unwrap_or_default()),
        RootOperation::Ping | RootOperation::AllPackages { .. } => None,
    };
    for scope in request.iter().flat_map(|request| &request.scopes) {
        let again = ecosystem.package_name(&scope.package);
        let again = again.as_ref().map(AsRef::as_ref);
        assert_eq!(again, Ok(scope.package.as_str()), "a scope's name is not normal");
    }
}

/// What a form asks for whose values are noise; one without a credential asks for nothing.
fn by_form(ecosystem: &dyn Ecosystem, noise: &str) -> Option<TokenRequest> {
    let names = ["grant_type", "scope", "service", noise];
    let fields = |value: &str| names.map(|name| (name.to_owned(), value.to_owned()));
    for value in [noise, "password", "refresh_token", ""] {
        let asked = ecosystem.read_token_form(&fields(value));
        assert!(asked.is_err(), "a form without a credential asks for a token");
    }
    let password = [("grant_type", "password"), ("password", "x"), ("scope", noise)];
    let fields = password.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ecosystem.read_token_form(&fields).ok().map(|form| form.request)
}

/// A redirect stays below the ecosystem's root and leads to where it ends.
fn redirect(ecosystem: &dyn Ecosystem, head: &RequestHead<'_>, location: &str) {
    let root = root(ecosystem);
    let mut from = Url::parse(&root).expect("a URL");
    {
        let mut path = from.path_segments_mut().expect("a web address has a path");
        path.pop_if_empty().extend(head.segments.iter().map(AsRef::as_ref));
        if head.trailing_slash {
            path.push("");
        }
    }
    let is_clean = location.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(is_clean, "{location:?} does not belong into a header");
    let target = from.join(location).expect("a location is a URL reference");
    let inside = target.as_str().starts_with(&root);
    assert!(inside, "{from} is redirected by {location:?} to {target}, outside");
    let next = get(ecosystem, &target);
    assert!(!matches!(next, Ok(Operation::Redirect { .. })), "{from} is redirected twice");
}

fn publication(ecosystem: &dyn Ecosystem, samples: &Samples) {
    assert!(ecosystem.read_publication(&Form::default()).is_err(), "an empty form publishes");
    let Some((form, expected)) = &samples.publication else { return };
    assert_eq!(ecosystem.read_publication(form).as_ref(), Ok(expected), "the sample's form");
    for at in 0..form.fields.len() {
        for text in hostile_texts() {
            let mut changed = form.clone();
            changed.fields[at].1 = text;
            refusal_is_one_line(ecosystem, &changed);
        }
        let mut shortened = form.clone();
        shortened.fields.remove(at);
        refusal_is_one_line(ecosystem, &shortened);
    }
    for text in hostile_texts() {
        let changed = Form { file_name: Some(text), ..form.clone() };
        refusal_is_one_line(ecosystem, &changed);
    }
    refusal_is_one_line(ecosystem, &Form { file_name: None, ..form.clone() });
}

fn refusal_is_one_line(ecosystem: &dyn Ecosystem, form: &Form) {
    if let Err(problem) = ecosystem.read_publication(form) {
        let message = &problem.public;
        assert!(!message.is_empty(), "a refusal says nothing");
        assert!(!message.chars().any(char::is_control), "{message:?} is more than a line");
    }
}
