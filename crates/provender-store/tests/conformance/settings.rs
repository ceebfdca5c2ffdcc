//! Repositories, owned names, upstreams, tokens, accounts, issuers.

use provender_domain::{
    NamePattern, OwnedName, Repository, RepositoryPolicy, Scope, SignatureRule, TagRule,
    TextPattern, TokenId, Upstream, UpstreamTarget, Visibility,
};
use provender_store::{Account, Issuer, Metadata, Milestone, StoreError, Token, Write};

use crate::support::{moment, repository, repository_name, upstream_name};

pub(crate) async fn all(metadata: &Metadata) {
    let check = async |write: Write, expected: Result<(), &str>| {
        let text = format!("{write:?}");
        let outcome = metadata.commit(vec![write], vec![]).await;
        let condition = outcome.map(drop).map_err(|error| match error {
            StoreError::Exists { what, .. } => format!("exists {what}"),
            StoreError::Missing { what, .. } => format!("missing {what}"),
            other => format!("{other:?}"),
        });
        assert_eq!(
            condition.as_ref().map_err(String::as_str),
            expected.as_ref().map_err(|e| *e),
            "{text}"
        );
    };
    check(Write::CreateRepository(repository("zoo")), Ok(())).await;
    check(Write::CreateRepository(repository("acme")), Ok(())).await;
    check(Write::CreateRepository(repository("acme")), Err("exists repository")).await;
    check(visibility("acme"), Ok(())).await;
    check(visibility("nowhere"), Err("missing repository")).await;
    check(policy("acme"), Ok(())).await;
    check(policy("nowhere"), Err("missing repository")).await;
    let strict = Repository { policy: immutable(), ..repository("strict") };
    check(Write::CreateRepository(strict), Ok(())).await;
    check(Write::Own(owned("acme", "b*")), Ok(())).await;
    check(Write::Own(owned("acme", "a")), Ok(())).await;
    check(Write::Own(owned("acme", "a")), Err("exists owned name")).await;
    check(Write::Own(owned("acme", "gone")), Ok(())).await;
    check(Write::Own(owned("nowhere", "a")), Err("missing repository")).await;
    check(disown("gone"), Ok(())).await;
    check(disown("gone"), Err("missing owned name")).await;
    check(Write::AddUpstream(upstream("acme", "first", 2)), Ok(())).await;
    check(Write::AddUpstream(upstream("acme", "second", 1)), Ok(())).await;
    check(Write::AddUpstream(upstream("acme", "gone", 0)), Ok(())).await;
    check(Write::AddUpstream(upstream("acme", "first", 0)), Err("exists upstream")).await;
    check(Write::AddUpstream(upstream("nowhere", "x", 0)), Err("missing repository")).await;
    check(remove_upstream("gone"), Ok(())).await;
    check(remove_upstream("gone"), Err("missing upstream")).await;
    let discovered = Milestone::UpstreamsDiscovered;
    assert!(!metadata.is_reached(discovered).await.unwrap());
    for at in [3, 4] {
        check(Write::Reach { milestone: discovered, at: moment(at) }, Ok(())).await;
    }
    assert!(metadata.is_reached(discovered).await.unwrap());
    check(Write::CreateToken(token("t2", 6)), Ok(())).await;
    check(Write::CreateToken(token("t1", 5)), Ok(())).await;
    check(Write::CreateToken(token("t1", 5)), Err("exists token")).await;
    check(revoke("t1", 7), Ok(())).await;
    check(revoke("t1", 8), Ok(())).await;
    check(revoke("t9", 8), Err("missing token")).await;
    check(Write::CreateAccount(account("zoe", None)), Ok(())).await;
    check(Write::CreateAccount(account("ann", Some(9))), Ok(())).await;
    check(Write::CreateAccount(account("ann", None)), Err("exists account")).await;
    check(Write::CreateAccount(account("gone", None)), Ok(())).await;
    check(remove_account("gone"), Ok(())).await;
    check(remove_account("gone"), Err("missing account")).await;
    check(remove_account("gone\0"), Err("missing account")).await;
    let changed = Account { created_at: moment(99), ..account("zoe", Some(11)) };
    check(Write::UpdateAccount(changed), Ok(())).await;
    check(Write::UpdateAccount(account("gone", None)), Err("missing account")).await;
    check(Write::PutIssuer(issuer("https://z.example", "{}", 1)), Ok(())).await;
    check(Write::PutIssuer(issuer("https://a.example", "{}", 2)), Ok(())).await;
    check(Write::PutIssuer(issuer("https://a.example", "{\"rules\":[]}", 3)), Ok(())).await;
    check(Write::PutIssuer(issuer("https://gone.example", "{}", 4)), Ok(())).await;
    check(remove_issuer("https://gone.example"), Ok(())).await;
    check(remove_issuer("https://gone.example"), Err("missing trusted issuer")).await;
    check(remove_issuer("https://gone.example\0"), Err("missing trusted issuer")).await;
    is_all_there(metadata).await;
}

async fn is_all_there(metadata: &Metadata) {
    let settings = metadata.settings().await.unwrap();
    let mut acme = repository("acme");
    acme.visibility = Visibility::Private;
    acme.policy = immutable();
    let strict = Repository { policy: immutable(), ..repository("strict") };
    assert_eq!(settings.repositories, [acme, strict, repository("zoo")]);
    assert_eq!(settings.owned, [owned("acme", "a"), owned("acme", "b*")]);
    assert_eq!(settings.upstreams, [upstream("acme", "second", 1), upstream("acme", "first", 2)]);
    let revoked = Token { revoked_at: Some(moment(7)), ..token("t1", 5) };
    assert_eq!(settings.tokens, [revoked, token("t2", 6)]);
    assert_eq!(settings.accounts, [account("ann", Some(9)), account("zoe", Some(11))]);
    let replaced = issuer("https://a.example", "{\"rules\":[]}", 2);
    assert_eq!(settings.issuers, [replaced, issuer("https://z.example", "{}", 1)]);
    assert!(!format!("{settings:?}").contains("5ec4e7"), "{settings:?}");
}

fn visibility(repository: &str) -> Write {
    let repository = repository_name(repository);
    Write::SetVisibility { repository, visibility: Visibility::Private }
}

fn policy(repository: &str) -> Write {
    Write::SetPolicy { repository: repository_name(repository), policy: immutable() }
}

fn immutable() -> RepositoryPolicy {
    let rule = SignatureRule {
        ecosystem: "generic".to_owned(),
        packages: NamePattern::new("acme-*").unwrap(),
        identity: TextPattern::new("*@acme.example").unwrap(),
        issuer: TextPattern::new("https://issuer.example").unwrap(),
        trust: Some("{}".to_owned()),
    };
    let tags = TagRule::Immutable;
    RepositoryPolicy { tags, signatures: vec![rule], ..RepositoryPolicy::default() }
}

fn owned(repository: &str, pattern: &str) -> OwnedName {
    OwnedName {
        repository: repository_name(repository),
        ecosystem: "generic".to_owned(),
        pattern: NamePattern::new(pattern).unwrap(),
        created_at: moment(3),
    }
}

fn disown(pattern: &str) -> Write {
    let OwnedName { repository, ecosystem, pattern, .. } = owned("acme", pattern);
    Write::Disown { repository, ecosystem, pattern }
}

fn upstream(repository: &str, name: &str, position: i64) -> Upstream {
    Upstream {
        repository: repository_name(repository),
        ecosystem: "generic".to_owned(),
        name: upstream_name(name),
        position,
        target: UpstreamTarget::Remote {
            url: "https://upstream.example/simple/".to_owned(),
            credentials: Some("user:5ec4e7".to_owned()),
            allow_private_addresses: true,
            is_public_only: false,
            token_realm: Some("https://auth.example".to_owned()),
        },
        watch_names: true,
        created_at: moment(4),
    }
}

fn remove_upstream(name: &str) -> Write {
    let Upstream { repository, ecosystem, name, .. } = upstream("acme", name, 0);
    Write::RemoveUpstream { repository, ecosystem, name }
}

fn token(id: &str, created: i64) -> Token {
    Token {
        id: TokenId(id.to_owned()),
        name: "ci \u{0}\u{1f511}".to_owned(),
        secret_hash: "5ec4e7".to_owned(),
        repository: Some(repository_name("acme")),
        scope: Scope::Publish,
        pattern: Some(NamePattern::new("acme-*").unwrap()),
        created_at: moment(created),
        expires_at: Some(moment(100)),
        revoked_at: None,
    }
}

fn revoke(id: &str, at: i64) -> Write {
    Write::RevokeToken { id: TokenId(id.to_owned()), at: moment(at) }
}

fn account(name: &str, disabled: Option<i64>) -> Account {
    Account {
        name: name.to_owned(),
        email: format!("{name}+{disabled:?}@people.example"),
        password_hash: "$argon2id$5ec4e7".to_owned(),
        created_at: moment(12),
        sign_ins_since: moment(12 + disabled.unwrap_or(0)),
        disabled_at: disabled.map(moment),
    }
}

fn remove_account(name: &str) -> Write {
    Write::RemoveAccount { name: name.to_owned() }
}

fn issuer(url: &str, definition: &str, at: i64) -> Issuer {
    Issuer { url: url.to_owned(), definition: definition.to_owned(), created_at: moment(at) }
}

fn remove_issuer(url: &str) -> Write {
    Write::RemoveIssuer { url: url.to_owned() }
}
