//! Attestations on their way to clients.

use super::{Samples, hostile_texts};
use crate::{Attested, Ecosystem};

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    let is_passed_on = ecosystem.attestations_companion().is_some();
    assert_eq!(!samples.attestations.is_empty(), is_passed_on, "a companion and samples of it");
    if is_passed_on {
        let rendered = ecosystem.render_attestations(&samples.attestations);
        let rendered = rendered.expect("the samples can be rendered");
        let again = ecosystem.render_attestations(&samples.attestations);
        assert_eq!(Some(rendered), again, "attestations differ from one time to the next");
    }
    for text in hostile_texts() {
        let hostile = |bundle: &str| Attested {
            bundle: bundle.to_owned(),
            identity: text.clone(),
            issuer: text.clone(),
        };
        ecosystem.render_attestations(&[hostile(&text)]);
        for sample in &samples.attestations {
            ecosystem.render_attestations(&[hostile(&sample.bundle)]);
        }
    }
    for kind in ecosystem.attestations_companion().into_iter().chain(["metadata", "no-such-kind"]) {
        let media_type = ecosystem.companion_type(kind);
        let may_run = ["html", "svg", "xml", "javascript"];
        let is_page = may_run.iter().any(|part| media_type.contains(part));
        assert!(!is_page, "{kind} is served as {media_type}, which a browser would run");
    }
}
