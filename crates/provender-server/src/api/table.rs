//! The endpoints: the one list that requests are routed by and that is documented.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;
use provender_domain::{Problem, ProblemCode};

use super::BUNDLE_BODY_LIMIT_BYTES;
use super::access::Access::{Admin, AdminEverywhere, Anybody, Operator, Publish, Read};
use super::endpoint::{Endpoint, endpoint};
use super::{
    accounts, changes, events, evidence, issuers, log, packages, repositories, server, tags,
    tokens, trust, upstreams,
};

/// Every endpoint, in the order of the document.
pub(super) static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    [
        server_itself(),
        of_trust(),
        of_repositories(),
        of_packages(),
        of_changes(),
        of_evidence(),
        of_tokens(),
        of_identities(),
        of_events(),
    ]
    .into_iter()
    .flatten()
    .collect()
});

fn get(path: &'static str) -> (Method, &'static str) {
    (Method::GET, path)
}

fn post(path: &'static str) -> (Method, &'static str) {
    (Method::POST, path)
}

fn delete(path: &'static str) -> (Method, &'static str) {
    (Method::DELETE, path)
}

fn server_itself() -> Vec<Endpoint> {
    vec![
        endpoint(
            Anybody,
            get("/whoami"),
            ("whoami", "Who the caller is, and what the server calls itself."),
            server::whoami,
        ),
        endpoint(
            AdminEverywhere,
            get("/status"),
            ("status", "How the server is doing."),
            server::status,
        ),
        endpoint(
            AdminEverywhere,
            post("/garbage-collections"),
            ("collectGarbage", "Removes bytes that nothing refers to any more."),
            server::collect_garbage,
        ),
        endpoint(
            Admin,
            post("/retentions"),
            (
                "applyRetention",
                "Takes away what the rules of a repository, or of all, do not keep.",
            ),
            tags::apply_retention,
        ),
    ]
}

fn of_trust() -> Vec<Endpoint> {
    vec![
        endpoint(
            Anybody,
            get("/trust"),
            (
                "showTrust",
                "What signatures of this server are checked by: Sigstore's ClientTrustConfig.",
            ),
            trust::config,
        ),
        endpoint(
            AdminEverywhere,
            get("/trust/status"),
            ("trustStatus", "What is trusted, until when, and where the keys to it are."),
            trust::status,
        ),
        endpoint(
            Operator,
            post("/trust/root-exports"),
            ("exportRootKeys", "Copies the root keys to a folder, or moves them; the operator's."),
            trust::export_root,
        ),
        endpoint(
            Operator,
            post("/trust/root-rotations"),
            ("rotateRoot", "Replaces the key of the TUF root; the operator's."),
            trust::rotate_root,
        ),
        endpoint(
            Operator,
            post("/trust/rotations"),
            ("rotateKey", "Gives the CA, the TSA or the CT log a new key; the operator's."),
            trust::rotate_key,
        ),
    ]
}

fn of_repositories() -> Vec<Endpoint> {
    vec![
        endpoint(
            Anybody,
            get("/repositories"),
            ("listRepositories", "The repositories that the caller may read."),
            repositories::list,
        ),
        endpoint(
            AdminEverywhere,
            post("/repositories"),
            ("createRepository", "Makes a repository."),
            repositories::create,
        ),
        endpoint(
            Admin,
            (Method::PATCH, "/repositories/{repository}"),
            ("changeRepository", "Changes who may read a repository without a token."),
            repositories::change,
        ),
        endpoint(
            Admin,
            (Method::PUT, "/repositories/{repository}/policy"),
            ("setPolicy", "Replaces what a repository asks of what it holds."),
            repositories::set_policy,
        ),
        endpoint(
            Admin,
            get("/repositories/{repository}/owned-names"),
            ("listOwnedNames", "The names and prefixes that are never asked for upstream."),
            repositories::owned_names,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/owned-names"),
            ("own", "Makes a name or prefix owned; claims what was mirrored under it so far."),
            repositories::own,
        ),
        endpoint(
            Admin,
            delete("/repositories/{repository}/owned-names"),
            ("disown", "Ends the ownership of a name or prefix."),
            repositories::disown,
        ),
        endpoint(
            Admin,
            get("/repositories/{repository}/upstreams"),
            ("listUpstreams", "Where a repository looks for what it has not, in order."),
            upstreams::list,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/upstreams"),
            ("addUpstream", "Adds a remote registry, or another repository, as an upstream."),
            upstreams::add,
        ),
        endpoint(
            Admin,
            delete("/repositories/{repository}/upstreams/{ecosystem}/{upstream}"),
            ("removeUpstream", "Removes an upstream; what was mirrored from it stays."),
            upstreams::remove,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/name-checks"),
            ("checkNames", "Holds our names against the complete lists of watched upstreams, now."),
            upstreams::check_names,
        ),
        endpoint(
            Admin,
            (Method::PUT, "/repositories/{repository}/origins"),
            ("setOrigin", "Binds a package's name to an upstream, or to what is published here."),
            packages::set_origin,
        ),
    ]
}

fn of_packages() -> Vec<Endpoint> {
    vec![
        endpoint(
            Read,
            get("/repositories/{repository}/packages"),
            ("listPackages", "The packages of which something is kept."),
            packages::list,
        ),
        endpoint(
            Read,
            get("/repositories/{repository}/package"),
            ("showPackage", "One package with every file that is kept of it."),
            packages::show,
        ),
        endpoint(
            Read,
            get("/repositories/{repository}/tags"),
            ("listTags", "The tags of a package, sorted; at most ten thousand at once."),
            tags::list,
        ),
        endpoint(
            Read,
            get("/repositories/{repository}/tag-history"),
            ("showTagHistory", "What became of a package's tags, or of one; the newest first."),
            tags::history,
        ),
    ]
}

fn of_changes() -> Vec<Endpoint> {
    vec![
        endpoint(
            Publish,
            post("/repositories/{repository}/changes/yank"),
            ("yank", "Hides a version or file from new choices; who pinned it still gets it."),
            changes::yank,
        ),
        endpoint(
            Publish,
            post("/repositories/{repository}/changes/unyank"),
            ("unyank", "Takes a yank back."),
            changes::unyank,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/changes/delete"),
            ("delete", "Removes the bytes of a version or file and leaves a tombstone."),
            changes::delete,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/changes/quarantine"),
            ("quarantine", "Stops serving a version or file until it is released; keeps it."),
            changes::quarantine,
        ),
        endpoint(
            Admin,
            post("/repositories/{repository}/changes/release"),
            ("release", "Lets a version or file out of quarantine."),
            changes::release,
        ),
    ]
}

fn of_evidence() -> Vec<Endpoint> {
    vec![
        endpoint(
            Read,
            get("/evidence"),
            ("showEvidence", "Where files came from, what happened to them, what proves it."),
            evidence::show,
        ),
        endpoint(
            Read,
            get("/attestations/{digest}"),
            ("listAttestations", "What is attested of these bytes, each with its proof."),
            evidence::attestations,
        ),
        endpoint(
            Read,
            get("/signatures/{digest}"),
            ("listSignatures", "Signatures of cosign's older form over these bytes, unverified."),
            evidence::signatures,
        ),
        endpoint(
            Read,
            get("/reference"),
            ("findReference", "The file that a reference, as clients take it, names here."),
            evidence::reference,
        ),
        endpoint(
            Publish,
            post("/repositories/{repository}/attestations"),
            ("attest", "Keeps what somebody attests of a kept file, and shows it to clients."),
            evidence::attest,
        )
        .taking(BUNDLE_BODY_LIMIT_BYTES),
        endpoint(
            Anybody,
            get("/log/entries"),
            ("searchLog", "Entries of the transparency log, by digest or by identity."),
            log::entries,
        ),
        endpoint(
            Anybody,
            get("/log/certificates"),
            ("searchCertificates", "Certificates in their log, by identity or by serial number."),
            log::certificates,
        ),
        endpoint(
            Anybody,
            get("/logs"),
            ("listLogs", "The logs of this server, and what their checkpoints are checked with."),
            log::list,
        ),
        endpoint(
            Admin,
            get("/quarantine"),
            ("listQuarantine", "Files that are kept as evidence and not served."),
            packages::quarantine,
        ),
    ]
}

fn of_tokens() -> Vec<Endpoint> {
    vec![
        endpoint(
            Admin,
            get("/tokens"),
            ("listTokens", "The tokens that the caller may see, without their secrets."),
            tokens::list,
        ),
        endpoint(
            Admin,
            post("/tokens"),
            ("createToken", "Makes a token; its secret is in the answer and nowhere else."),
            tokens::create,
        ),
        endpoint(
            Admin,
            delete("/tokens/{token}"),
            ("revokeToken", "Revokes a token at once and for ever."),
            tokens::revoke,
        ),
    ]
}

fn of_identities() -> Vec<Endpoint> {
    vec![
        endpoint(
            AdminEverywhere,
            get("/accounts"),
            ("listAccounts", "People who can sign in with a password."),
            accounts::list,
        ),
        endpoint(
            AdminEverywhere,
            post("/accounts"),
            ("createAccount", "Makes an account."),
            accounts::create,
        ),
        endpoint(
            AdminEverywhere,
            (Method::PATCH, "/accounts/{account}"),
            ("changeAccount", "Changes an account's password or address; disables or enables it."),
            accounts::change,
        ),
        endpoint(
            AdminEverywhere,
            delete("/accounts/{account}"),
            ("removeAccount", "Removes an account; what its owner signed stays valid."),
            accounts::remove,
        ),
        endpoint(
            AdminEverywhere,
            get("/issuers"),
            ("listIssuers", "Issuers whose identity tokens are believed, and for whom."),
            issuers::list,
        ),
        endpoint(
            AdminEverywhere,
            post("/issuers"),
            ("trustIssuer", "Trusts an issuer, in place of how it was trusted before."),
            issuers::put,
        ),
        endpoint(
            AdminEverywhere,
            delete("/issuers"),
            ("removeIssuer", "Trusts an issuer no more; what its identities signed stays valid."),
            issuers::remove,
        ),
    ]
}

fn of_events() -> Vec<Endpoint> {
    vec![endpoint(
        Admin,
        get("/events"),
        ("listEvents", "What happened; waits for something to happen where told to."),
        events::list,
    )]
}

/// The endpoint for this method and path, with the values of the path's parameters.
pub(super) fn find(
    method: &Method,
    segments: &[String],
) -> Result<(&'static Endpoint, BTreeMap<String, String>), Problem> {
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.method == *method) {
        if let Some(parameters) = endpoint.matches(segments) {
            return Ok((endpoint, parameters));
        }
    }
    Err(match allowed_methods(segments) {
        Some(allowed) => {
            let message = format!("this path takes {allowed}");
            Problem::new(ProblemCode::MethodNotAllowed, message)
        }
        None => Problem::not_found(
            "the API has nothing there; /-/api/v1/openapi.json lists what it has",
        ),
    })
}

/// The methods that a path takes; `None` for a path that there is not.
pub(super) fn allowed_methods(segments: &[String]) -> Option<String> {
    if segments == ["openapi.json"] {
        return Some("GET, HEAD".to_owned());
    }
    let found = ENDPOINTS.iter().filter(|endpoint| endpoint.matches(segments).is_some());
    let methods: Vec<_> = found
        .map(|endpoint| match endpoint.method.as_str() {
            "GET" => "GET, HEAD",
            other => other,
        })
        .collect();
    (!methods.is_empty()).then(|| methods.join(", "))
}
