//! Facts → verdict: the one place that says whether a file may be listed and served.

use provender_domain::{
    Facts, FileState, Origin, Problem, ProblemCode, Reason, SignatureRule, Verdict,
};

/// What policy says of a file with these facts.
pub(crate) fn decide(facts: &Facts) -> Verdict {
    match facts.state {
        Some(FileState::Deleted) => return Verdict::Deny(vec![deleted(facts)]),
        Some(FileState::Quarantined) => return Verdict::Quarantine(vec![quarantined(facts)]),
        Some(FileState::Present) | None => {}
    }
    match &facts.name_origin {
        Some(bound) if *bound != facts.origin => return Verdict::Deny(vec![foreign(bound)]),
        _ => {}
    }
    let is_met = |rule: &&SignatureRule| facts.signers.iter().any(|signer| rule.is_met_by(signer));
    let missing: Vec<Reason> =
        facts.signatures_asked.iter().filter(|rule| !is_met(rule)).map(unsigned).collect();
    match missing.is_empty() {
        true => Verdict::Allow,
        false => Verdict::Deny(missing),
    }
}

const DELETED: &str = "deleted";
const QUARANTINED: &str = "quarantined";
const FOREIGN_ORIGIN: &str = "foreign-origin";
const UNSIGNED: &str = "unsigned";
const REFUSED_BEHIND: &str = "refused-behind";

fn with_cause(message: &str, cause: Option<&str>) -> String {
    cause.map_or_else(|| message.to_owned(), |cause| format!("{message}: {cause}"))
}

fn deleted(facts: &Facts) -> Reason {
    let message = with_cause("this file was deleted", facts.state_reason.as_deref());
    Reason { code: DELETED, message }
}

fn quarantined(facts: &Facts) -> Reason {
    let message = with_cause("this file is in quarantine", facts.state_reason.as_deref());
    Reason { code: QUARANTINED, message }
}

fn foreign(bound: &Origin) -> Reason {
    let message = match bound {
        Origin::Published => {
            "this name belongs to what is published here; files from upstreams are not served under it"
                .to_owned()
        }
        Origin::Mirrored { upstream } => {
            format!("this name is bound to upstream {upstream}; files from elsewhere are not served under it")
        }
    };
    Reason { code: FOREIGN_ORIGIN, message }
}

fn unsigned(rule: &SignatureRule) -> Reason {
    let message = format!(
        "this repository asks for a signature by {} (issuer {}) and there is none",
        rule.identity, rule.issuer
    );
    Reason { code: UNSIGNED, message }
}

/// What a repository of this server says, from which a file was taken over.
pub(crate) fn refused_behind(message: String) -> Reason {
    Reason { code: REFUSED_BEHIND, message }
}

/// What a refused client is told.
pub(crate) fn refusal(verdict: &Verdict) -> Option<Problem> {
    if verdict.is_served() {
        return None;
    }
    let reasons = verdict.reasons();
    let messages: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
    let code = match reasons.first() {
        Some(reason) if reason.code == DELETED => ProblemCode::Gone,
        _ => ProblemCode::PolicyDenied,
    };
    Some(Problem::new(code, messages.join("; ")))
}

#[cfg(test)]
mod tests {
    use provender_domain::{Facts, FileState, Origin, ProblemCode, UpstreamName};

    use super::{decide, refusal};

    fn mirrored(name: &str) -> Origin {
        Origin::Mirrored { upstream: UpstreamName::new(name).unwrap() }
    }

    #[test]
    fn verdicts() {
        let check =
            |origin: Origin, bound: Option<Origin>, state, expected: Option<ProblemCode>| {
                let facts = Facts {
                    origin,
                    name_origin: bound,
                    state,
                    state_reason: Some("because".to_owned()),
                    uploaded_at: None,
                    signatures_asked: Vec::new(),
                    signers: Vec::new(),
                };
                let problem = refusal(&decide(&facts));
                assert_eq!(problem.map(|problem| problem.code), expected, "{facts:?}");
            };
        let here = Origin::Published;
        let present = Some(FileState::Present);
        check(here.clone(), Some(here.clone()), present, None);
        check(mirrored("a"), None, None, None);
        check(mirrored("a"), Some(mirrored("a")), present, None);
        check(mirrored("a"), Some(mirrored("b")), present, Some(ProblemCode::PolicyDenied));
        check(mirrored("a"), Some(here.clone()), None, Some(ProblemCode::PolicyDenied));
        check(mirrored("a"), None, Some(FileState::Quarantined), Some(ProblemCode::PolicyDenied));
        check(here.clone(), Some(here), Some(FileState::Deleted), Some(ProblemCode::Gone));
    }
}
