//! Whose tokens are believed, and for whom.

use serde::{Deserialize, Serialize};

use super::{ClaimMapping, ClaimRule, Claims, IssuerUrl, JwkSet};

/// The audience that Sigstore's clients ask their tokens for.
pub const DEFAULT_AUDIENCE: &str = "sigstore";

/// An issuer that the operator trusts, in part: its rules say for whom.
///
/// ```json
/// {"url": "https://ci.example", "claims": {"preset": "github-actions", "server": "https://git.example"},
///  "rules": [{"repository": "acme/*", "ref": "refs/tags/**"}]}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// What its tokens have as `iss`, exactly.
    pub url: IssuerUrl,
    /// The audiences its tokens may be for.
    #[serde(default = "default_audiences")]
    pub audiences: Vec<String>,
    /// What its claims become in a certificate.
    pub claims: ClaimMapping,
    /// Who may have a certificate: whoever satisfies any rule. Without a rule, nobody.
    #[serde(default)]
    pub rules: Vec<ClaimRule>,
    /// Its public keys, where they cannot be fetched (a cluster that answers only from inside, a network
    /// without a way out). `None`: fetched from where its discovery document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<JwkSet>,
}

impl TrustedIssuer {
    /// Whether any rule holds.
    pub fn allows(&self, claims: &Claims) -> bool {
        self.rules.iter().any(|rule| rule.holds(claims))
    }
}

fn default_audiences() -> Vec<String> {
    vec![DEFAULT_AUDIENCE.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::TrustedIssuer;

    #[test]
    fn without_a_rule_nobody_is_allowed() {
        let issuer: TrustedIssuer =
            serde_json::from_str(r#"{"url":"https://ci.example","claims":{"preset":"email"}}"#)
                .unwrap();
        assert_eq!(issuer.audiences, ["sigstore"]);
        assert!(!issuer.allows(&[("sub".to_owned(), "x".into())].into_iter().collect()));
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let check = |text: &str| {
            let issuer: TrustedIssuer = serde_json::from_str(text).unwrap();
            let written = serde_json::to_string(&issuer).unwrap();
            assert_eq!(
                serde_json::from_str::<TrustedIssuer>(&written).unwrap(),
                issuer,
                "{written}"
            );
        };
        check(r#"{"url":"https://a.example","claims":{"preset":"kubernetes"}}"#);
        check(
            r#"{"url":"https://a.example","audiences":["x"],"rules":[{"sub":"a*"}],
                "claims":{"subject":{"uri":"https://a.example/{sub}"},"extensions":{"build-trigger":"{e}"}},
                "keys":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}}"#,
        );
    }

    #[test]
    fn mistakes_are_told() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<TrustedIssuer>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"url":"http://ci.example","claims":{"preset":"email"}}"#, "https://");
        check(r#"{"url":"https://ci.example","claims":{"preset":"none"}}"#, "unknown variant");
        check(r#"{"url":"https://ci.example","claims":{}}"#, "preset or a subject");
        check(r#"{"url":"https://ci.example","claims":{"preset":"github-actions"}}"#, "`server`");
        check(
            r#"{"url":"https://ci.example","claims":{"preset":"email"},"rule":[]}"#,
            "unknown field",
        );
        check(
            r#"{"url":"https://ci.example","claims":{"preset":"email"},"rules":[{}]}"#,
            "everybody",
        );
    }
}
