//! People's accounts: who is who, and how often they may be wrong about it.

use std::net::IpAddr;

use provender_domain::{EventKind, Problem, ProblemCode, Scope};
use provender_registry::{Account, AccountChange, Caller, NewAccount, Password};

use crate::client::refused;
use crate::{TestRegistry, minutes};

const RIGHT: &str = "correct horse";
const WRONG: &str = "battery staple";

fn new(name: &str, email: &str, password: &str) -> NewAccount {
    NewAccount { name: name.to_owned(), email: email.to_owned(), password: Password::new(password) }
}

fn client(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

async fn with_ann() -> TestRegistry {
    let registry = TestRegistry::open().await;
    let ann = new("ann", "ann@people.example", RIGHT);
    registry.registry.create_account(&registry.operator(), ann).await.unwrap();
    registry
}

async fn sign_in(
    registry: &TestRegistry,
    name: &str,
    password: &str,
    from: u8,
) -> Result<Option<Account>, Problem> {
    registry.registry.authenticate(name, &Password::new(password), Some(client(from))).await
}

async fn change(registry: &TestRegistry, change: AccountChange) -> Result<Account, Problem> {
    registry.registry.change_account(&registry.operator(), "ann", change).await
}

#[tokio::test]
async fn who_has_the_password_is_known_by_it() {
    let registry = with_ann().await;
    let check = async |name: &str, password: &str, expected: Option<&str>| {
        let found = sign_in(&registry, name, password, 1).await.unwrap();
        assert_eq!(found.as_ref().map(|account| account.email.as_str()), expected, "{name}");
    };
    check("ann", RIGHT, Some("ann@people.example")).await;
    check("ann", WRONG, None).await;
    check("ann", "", None).await;
    check("Ann", RIGHT, None).await;
    check("bob", RIGHT, None).await;
    check("", RIGHT, None).await;
    check(&"x".repeat(10_000), RIGHT, None).await;
    check("ann", &"x".repeat(10_000), None).await;
    let registry = registry.reopened().await;
    assert!(sign_in(&registry, "ann", RIGHT, 2).await.unwrap().is_some());
}

#[tokio::test]
async fn changes_count_at_once() {
    let registry = with_ann().await;
    let disabled = |disabled| AccountChange { disabled: Some(disabled), ..Default::default() };
    let made = change(&registry, disabled(true)).await.unwrap();
    assert!(made.disabled_at.is_some());
    assert_eq!(sign_in(&registry, "ann", RIGHT, 1).await.unwrap(), None);
    assert_eq!(change(&registry, disabled(true)).await.unwrap(), made);
    assert_eq!(change(&registry, disabled(false)).await.unwrap().disabled_at, None);
    assert!(sign_in(&registry, "ann", RIGHT, 1).await.unwrap().is_some());

    let password = Some(Password::new("another one"));
    change(&registry, AccountChange { password, ..Default::default() }).await.unwrap();
    assert_eq!(sign_in(&registry, "ann", RIGHT, 1).await.unwrap(), None);
    let email = Some("ann@elsewhere.example".to_owned());
    change(&registry, AccountChange { email, ..Default::default() }).await.unwrap();
    let found = sign_in(&registry, "ann", "another one", 1).await.unwrap().unwrap();
    assert_eq!(found.email, "ann@elsewhere.example");

    registry.registry.remove_account(&registry.operator(), "ann").await.unwrap();
    assert_eq!(sign_in(&registry, "ann", "another one", 1).await.unwrap(), None);
    let told = registry.events_of(EventKind::AccountChanged, 5).await;
    let messages: Vec<_> = told.iter().map(|event| event.event.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "account ann is disabled",
            "account ann is disabled",
            "account ann is enabled",
            "account ann has a new password",
            "account ann has the address ann@elsewhere.example",
        ]
    );
    registry.events_of(EventKind::AccountCreated, 1).await;
    registry.events_of(EventKind::AccountRemoved, 1).await;
}

#[tokio::test]
async fn a_change_of_what_opens_it_ends_every_sign_in() {
    let registry = with_ann().await;
    let created = registry.registry.accounts(&registry.operator()).unwrap()[0].clone();
    let mut before = created.sign_ins_since;
    let mut check = async |what: &str, new: AccountChange, ends: bool| {
        let account = change(&registry, new).await.unwrap();
        assert_eq!(account.sign_ins_since > before, ends, "{what}");
        let may = |since| registry.registry.may_sign_in("ann", &account.email, since);
        let is_enabled = account.disabled_at.is_none();
        assert_eq!(may(account.sign_ins_since), is_enabled, "{what}");
        assert_eq!(may(before), is_enabled && !ends, "{what}");
        before = account.sign_ins_since;
    };
    let disabled = |disabled| AccountChange { disabled: Some(disabled), ..Default::default() };
    let password = || AccountChange { password: Some(Password::new(RIGHT)), ..Default::default() };
    let email = || Some("ann@elsewhere.example".to_owned());
    let email = || AccountChange { email: email(), ..Default::default() };
    // The clock stands still, and goes back, and each still is another moment.
    check("the same password, set again", password(), true).await;
    check("and once more", password(), true).await;
    registry.clock.go_back(minutes(60));
    check("as the clock went back", password(), true).await;
    check("disabled", disabled(true), true).await;
    check("disabled, and it was", disabled(true), false).await;
    check("enabled", disabled(false), false).await;
    check("another address", email(), true).await;
    check("the same address", email(), false).await;
}

#[tokio::test]
async fn guessing_is_slow_and_told_of() {
    let registry = with_ann().await;
    for _ in 0..5 {
        assert_eq!(sign_in(&registry, "ann", WRONG, 1).await.unwrap(), None);
    }
    let problem = sign_in(&registry, "ann", RIGHT, 1).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::Busy);
    assert!(problem.retry_after.is_some_and(|wait| !wait.is_zero()));
    // Its owner, elsewhere, is not kept out.
    assert!(sign_in(&registry, "ann", RIGHT, 2).await.unwrap().is_some());
    let told = registry.events_of(EventKind::AccessDenied, 1).await;
    assert_eq!(told[0].event.message, "wrong passwords for account ann, until no more were taken");
    assert_eq!(told[0].event.client.as_deref(), Some("192.0.2.1"));
    registry.clock.advance(minutes(1));
    assert!(sign_in(&registry, "ann", RIGHT, 1).await.unwrap().is_some());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    use ProblemCode::{Conflict, InvalidRequest};

    let registry = with_ann().await;
    let check = async |account: NewAccount, expected: ProblemCode| {
        let text = format!("{account:?}");
        let made = registry.registry.create_account(&registry.operator(), account).await;
        assert_eq!(refused(made), expected, "{text}");
    };
    check(new("ann", "other@people.example", RIGHT), Conflict).await;
    check(new("bob", "ANN@people.example", RIGHT), Conflict).await;
    check(new("Bob", "bob@people.example", RIGHT), InvalidRequest).await;
    check(new("bob", "bob", RIGHT), InvalidRequest).await;
    check(new("bob", "bob@people.example", "short"), InvalidRequest).await;
    check(new("bob", "bob@people.example", &"x".repeat(1025)), InvalidRequest).await;
    assert_eq!(refused(change(&registry, AccountChange::default()).await), InvalidRequest);
    let operator = registry.operator();
    let nobody = registry.registry.change_account(&operator, "bob", AccountChange::default()).await;
    assert_eq!(refused(nobody), ProblemCode::NotFound);
    let nobody = registry.registry.remove_account(&operator, "bob").await;
    assert_eq!(refused(nobody), ProblemCode::NotFound);
    assert_eq!(registry.registry.accounts(&operator).unwrap().len(), 1);
}

#[tokio::test]
async fn only_who_administers_everything_may() {
    let registry = with_ann().await;
    let check = async |caller: &Caller, expected: ProblemCode| {
        let admin = &registry.registry;
        assert_eq!(refused(admin.accounts(caller)), expected);
        let made = admin.create_account(caller, new("bob", "bob@people.example", RIGHT)).await;
        assert_eq!(refused(made), expected);
        let disabled = AccountChange { disabled: Some(true), ..Default::default() };
        assert_eq!(refused(admin.change_account(caller, "ann", disabled).await), expected);
        assert_eq!(refused(admin.remove_account(caller, "ann").await), expected);
    };
    check(&registry.anonymous(), ProblemCode::AuthenticationRequired).await;
    let of_one = registry.bearer(Some("main"), Scope::Admin, None).await;
    check(&of_one, ProblemCode::PermissionDenied).await;
    let publisher = registry.bearer(None, Scope::Publish, None).await;
    check(&publisher, ProblemCode::PermissionDenied).await;
    assert!(sign_in(&registry, "ann", RIGHT, 1).await.unwrap().is_some());
}

#[tokio::test]
async fn passwords_are_kept_nowhere() {
    let registry = with_ann().await;
    let accounts = registry.registry.accounts(&registry.operator()).unwrap();
    assert!(!format!("{accounts:?}").contains("argon2"), "{accounts:?}");
    let events = registry.events_of(EventKind::AccountCreated, 1).await;
    let told = format!("{events:?}");
    assert!(!told.contains(RIGHT) && !told.contains("argon2"), "{told}");
}
