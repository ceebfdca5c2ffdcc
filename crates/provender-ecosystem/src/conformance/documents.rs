//! Rendered documents and problems.

use provender_domain::{Attributes, File, Problem, ProblemCode};
use url::Url;

use super::requests::get;
use super::{Samples, root};
use crate::{Ecosystem, Operation, PackageView, Rendition, View};

const CODES: [ProblemCode; 19] = [
    ProblemCode::NotFound,
    ProblemCode::Gone,
    ProblemCode::AuthenticationRequired,
    ProblemCode::PermissionDenied,
    ProblemCode::PolicyDenied,
    ProblemCode::InvalidRequest,
    ProblemCode::InvalidPackage,
    ProblemCode::DigestMismatch,
    ProblemCode::MissingReference,
    ProblemCode::OutOfOrder,
    ProblemCode::Conflict,
    ProblemCode::TooLarge,
    ProblemCode::MethodNotAllowed,
    ProblemCode::RequestTimeout,
    ProblemCode::Busy,
    ProblemCode::UpstreamFailed,
    ProblemCode::UpstreamTimeout,
    ProblemCode::StorageFull,
    ProblemCode::Internal,
];

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let index = Url::parse(&root(ecosystem))
        .and_then(|root| root.join(samples.index_path))
        .expect("a path");
    assert!(!samples.renditions.is_empty(), "there is nothing to render");
    for &rendition in &samples.renditions {
        package(ecosystem, samples, &index, rendition);
        catalogue(ecosystem, samples, rendition);
    }
    // A number from an old cache key must not bring the server down.
    ecosystem.render(&View::Package(&samples.view), Rendition(u8::MAX));
    problems(ecosystem);
}

fn package(ecosystem: &dyn Ecosystem, samples: &Samples, index: &Url, rendition: Rendition) {
    let view = &samples.view;
    assert_eq!(view.root, root(ecosystem), "the sample's root");
    let document = ecosystem.render(&View::Package(view), rendition);
    let again = ecosystem.render(&View::Package(view), rendition);
    assert_eq!(document, again, "{rendition:?} differs from one time to the next");

    let mut linked = Vec::new();
    for link in (samples.links)(&document) {
        let url = index.join(&link).unwrap_or_else(|error| panic!("{link:?}: {error}"));
        match get(ecosystem, &url) {
            Ok(Operation::File { package, file, companion }) => {
                assert_eq!(package, view.package, "{link:?} leads to another package");
                let known = view.files.iter().find(|known| known.name == file);
                let known = known.unwrap_or_else(|| panic!("{link:?} leads to another file"));
                match companion {
                    None => linked.push(file),
                    Some(kind) => {
                        assert!(known.companion(kind).is_some(), "{link:?} leads nowhere");
                    }
                }
            }
            other => panic!("{link:?} leads to {other:?}, not to a file"),
        }
    }
    let names: Vec<_> = view.files.iter().map(|file| file.name.clone()).collect();
    assert_eq!(linked, names, "{rendition:?} does not link each file once, in order");

    let empty = PackageView {
        files: Vec::<File>::new(),
        attributes: Attributes::default(),
        ..view.clone()
    };
    let document = ecosystem.render(&View::Package(&empty), rendition);
    assert!((samples.links)(&document).is_empty(), "an empty index has links");
}

fn catalogue(ecosystem: &dyn Ecosystem, samples: &Samples, rendition: Rendition) {
    ecosystem.render(&View::Catalogue(&[]), rendition);
    let names = [samples.view.package.clone()];
    let document = ecosystem.render(&View::Catalogue(&names), rendition);
    let text = String::from_utf8_lossy(&document.body);
    assert!(text.contains(names[0].as_str()), "{rendition:?} leaves a name out of the catalogue");
}

fn problems(ecosystem: &dyn Ecosystem) {
    for code in CODES {
        let mut problem = Problem::new(code, "words for everybody 42");
        problem.internal = Some("words for the operator 43".to_owned());
        let rendered = ecosystem.render_problem(&problem, None);
        let text = String::from_utf8_lossy(&rendered.document.body);
        let is_refusal = rendered.status.is_none_or(|status| (400..600).contains(&status));
        assert!(is_refusal, "{code:?} is no refusal: {:?}", rendered.status);
        assert!(text.contains("words for everybody 42"), "{code:?} does not say what is wrong");
        assert!(!text.contains("operator"), "{code:?} tells what is the operator's");

        let problem = Problem::new(code, "<script>\"'&\u{e4}\u{7}</script>");
        let document = ecosystem.render_problem(&problem, None).document;
        let is_page = document.content_type.starts_with("text/html");
        let text = String::from_utf8_lossy(&document.body);
        assert!(!is_page || !text.contains("<script>"), "{code:?} serves markup as a page");
    }
}
