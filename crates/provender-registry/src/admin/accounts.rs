//! People's accounts: who can prove with a password that they are somebody.
//!
//! An account gives no right here; it gives an identity, which certificates for signing are made for.

use std::fmt;
use std::net::IpAddr;

use provender_authority::oidc::password;
use provender_domain::{EventKind, Problem, ProblemCode, Scope, Timestamp};
use provender_store::Write;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::journal::to_the_end;
use crate::state::State;
use crate::{Caller, Registry};

mod attempts;
mod hashing;

pub(crate) use attempts::Attempts;
pub(crate) use hashing::Hashing;

/// Most accounts of one server: they are held in memory.
const ACCOUNTS_LIMIT: usize = 10_000;
/// Longest name of an account, in bytes.
const NAME_LIMIT_BYTES: usize = 64;
/// Longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3).
const EMAIL_LIMIT_BYTES: usize = 254;

/// A password as it was typed. Shown nowhere, and wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// What was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// What a new account is to be.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// What its owner signs in as.
    pub name: String,
    /// The e-mail address that certificates will be for; the administrator vouches for it.
    pub email: String,
    /// The first password.
    pub password: Password,
}

/// What is to change about an account; nothing, where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// The e-mail address.
    pub email: Option<String>,
    /// The password.
    pub password: Option<Password>,
    /// Whether signing in is forbidden.
    pub disabled: Option<bool>,
}

/// An account, without its password's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What its owner signs in as.
    pub name: String,
    /// The e-mail address that certificates are for.
    pub email: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who signed in as this account before then has to sign in again.
    pub sign_ins_since: Timestamp,
    /// Since when its owner may not sign in.
    pub disabled_at: Option<Timestamp>,
}

impl Registry {
    /// Every account, by name.
    pub fn accounts(&self, caller: &Caller) -> Result<Vec<Account>, Problem> {
        caller.require(Scope::Admin, None)?;
        Ok(self.state().accounts().map(summary).collect())
    }

    /// Makes an account.
    pub async fn create_account(
        &self,
        caller: &Caller,
        request: NewAccount,
    ) -> Result<Account, Problem> {
        caller.require(Scope::Admin, None)?;
        let now = self.now();
        let account = provender_store::Account {
            name: checked_name(&request.name)?,
            email: checked_email(&request.email)?,
            password_hash: self.hash(request.password).await?,
            created_at: now,
            sign_ins_since: now,
            disabled_at: None,
        };
        let created = summary(&account);
        let message = format!("account {} ({}) was made", account.name, account.email);
        let mut event = self.event(EventKind::AccountCreated, caller, message);
        event.detail.set_text("account", account.name.as_str());
        let (name, email) = (account.name.clone(), account.email.clone());
        let check = move |state: &State| {
            if state.accounts().count() >= ACCOUNTS_LIMIT {
                let message = format!("a server has at most {ACCOUNTS_LIMIT} accounts");
                return Err(Problem::new(ProblemCode::TooLarge, message));
            }
            check_email_is_free(state, &name, &email)
        };
        self.write_settings_if(check, vec![Write::CreateAccount(account)], vec![event]).await?;
        Ok(created)
    }

    /// Changes an account; from when this returns, only the new password opens it, and none if it
    /// is disabled. What was signed in to before comes to nothing if its password or its address is
    /// another now, or it was disabled, which enabling it again does not undo.
    pub async fn change_account(
        &self,
        caller: &Caller,
        name: &str,
        change: AccountChange,
    ) -> Result<Account, Problem> {
        caller.require(Scope::Admin, None)?;
        let before = self.state().account(name).cloned().ok_or_else(|| unknown(name))?;
        let mut account = before.clone();
        let mut said = Vec::new();
        if let Some(email) = change.email {
            account.email = checked_email(&email)?;
            said.push(format!("has the address {}", account.email));
        }
        if let Some(password) = change.password {
            account.password_hash = self.hash(password).await?;
            said.push("has a new password".to_owned());
        }
        if let Some(disabled) = change.disabled {
            let since = account.disabled_at.unwrap_or_else(|| self.now());
            account.disabled_at = disabled.then_some(since);
            said.push(if disabled { "is disabled" } else { "is enabled" }.to_owned());
        }
        if ends_sign_ins(&before, &account) {
            account.sign_ins_since = self.now().max(just_after(before.sign_ins_since));
        }
        if said.is_empty() {
            let message = "nothing is to change: give email, password or disabled";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let changed = summary(&account);
        let message = format!("account {name} {}", said.join(", "));
        let mut event = self.event(EventKind::AccountChanged, caller, message);
        event.detail.set_text("account", name);
        let email = account.email.clone();
        let check = move |state: &State| {
            if state.account(&before.name) != Some(&before) {
                let message = "somebody else changed this account at this moment; try again";
                return Err(Problem::new(ProblemCode::Conflict, message));
            }
            check_email_is_free(state, &before.name, &email)
        };
        self.write_settings_if(check, vec![Write::UpdateAccount(account)], vec![event]).await?;
        Ok(changed)
    }

    /// Removes an account. What its owner signed stays valid.
    pub async fn remove_account(&self, caller: &Caller, name: &str) -> Result<(), Problem> {
        caller.require(Scope::Admin, None)?;
        let message = format!("account {name} was removed");
        let mut event = self.event(EventKind::AccountRemoved, caller, message);
        event.detail.set_text("account", name);
        let write = Write::RemoveAccount { name: name.to_owned() };
        self.write_settings(vec![write], vec![event]).await
    }

    /// Whose password this is: `None` if it is wrong, or there is no such account, or it is
    /// disabled. How long the answer takes does not tell which.
    ///
    /// # Errors
    /// `Busy`, with the time to wait, where there were too many wrong passwords for this name or
    /// from this address, or too many people sign in at once. The password is not looked at then.
    pub async fn authenticate(
        &self,
        name: &str,
        password: &Password,
        client: Option<IpAddr>,
    ) -> Result<Option<Account>, Problem> {
        let (registry, name, password) = (self.clone(), name.to_owned(), password.clone());
        // Whoever leaves before the answer tried all the same.
        to_the_end(async move { registry.try_password(&name, &password, client).await }).await
    }

    async fn try_password(
        &self,
        name: &str,
        password: &Password,
        client: Option<IpAddr>,
    ) -> Result<Option<Account>, Problem> {
        let attempts = &self.inner.attempts;
        attempts.begin(name, client, self.now()).map_err(|wait| {
            let message = "too many wrong passwords; try again later";
            Problem::new(ProblemCode::Busy, message).retry_after(wait)
        })?;
        let account = self.state().account(name).cloned();
        let enabled = account.filter(|account| account.disabled_at.is_none());
        let hash = enabled.as_ref().map(|account| account.password_hash.clone());
        let password = password.clone();
        let verify = move || match hash {
            Some(hash) => password::verify(&password.0, &hash),
            None => password::refuse(&password.0),
        };
        let is_right = self.inner.hashing.run(verify).await.inspect_err(|_| {
            attempts.not_tried(name, client, self.now());
        })?;
        let proved = enabled.as_ref().filter(|_| is_right);
        // It may have been changed or disabled while its password was hashed.
        let proved = proved.filter(|account| self.state().account(&account.name) == Some(account));
        match proved {
            Some(account) => {
                attempts.succeeded(name, client, self.now());
                Ok(Some(summary(account)))
            }
            None => {
                self.record_failures(name, client);
                Ok(None)
            }
        }
    }

    /// Whether an identity may still be given to whoever signed in as this account when its sign-ins
    /// counted since this moment ([`Account::sign_ins_since`]): nothing ended them since, it has this
    /// address and is not disabled.
    pub fn may_sign_in(&self, name: &str, email: &str, since: Timestamp) -> bool {
        self.state().account(name).is_some_and(|found| {
            found.email == email && found.sign_ins_since == since && found.disabled_at.is_none()
        })
    }

    /// Somebody may be guessing: told once a minute for each account that exists, and once more when
    /// no more passwords are taken. What was typed as a name and is none may be a password.
    fn record_failures(&self, name: &str, client: Option<IpAddr>) {
        let attempts = &self.inner.attempts;
        let is_known = self.state().account(name).is_some();
        let known = if is_known { name } else { "" };
        if attempts.is_news_of_refusal(known, client, self.now()) {
            let message = match is_known {
                true => format!("a wrong password, or none that counts, for account {name}"),
                false => "somebody tried to sign in to an account that is not there".to_owned(),
            };
            let mut event = self.identity_event(EventKind::SignInRefused, client, message);
            if is_known {
                event.detail.set_text("account", name);
            }
            self.record_in_background(event);
        }
        if is_known && attempts.is_news(name, client, self.now()) {
            let message = format!("wrong passwords for account {name}, until no more were taken");
            let mut event = self.identity_event(EventKind::AccessDenied, client, message);
            event.detail.set_text("account", name);
            self.record_in_background(event);
        }
    }

    async fn hash(&self, password: Password) -> Result<String, Problem> {
        use password::PasswordError::{TooLong, TooShort};
        let hashed = self.inner.hashing.run(move || password::hash(&password.0)).await?;
        hashed.map_err(|error| match error {
            TooShort | TooLong => Problem::new(ProblemCode::InvalidRequest, error.to_string()),
            _ => Problem::internal(&error),
        })
    }
}

/// Whether those who signed in have to sign in again: another may have had the password, or whoever
/// may sign in no more has what it opened.
fn ends_sign_ins(before: &provender_store::Account, after: &provender_store::Account) -> bool {
    let is_disabled_now = before.disabled_at.is_none() && after.disabled_at.is_some();
    is_disabled_now || before.password_hash != after.password_hash || before.email != after.email
}

/// No two moments from which sign-ins count are the same, wherever the clock stands.
fn just_after(moment: Timestamp) -> Timestamp {
    Timestamp::from_microseconds(moment.microseconds() + 1)
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no account {name}"))
}

/// Two accounts with one address would be one identity.
fn check_email_is_free(state: &State, name: &str, email: &str) -> Result<(), Problem> {
    let mut others = state.accounts().filter(|account| account.name != name);
    match others.find(|account| account.email.eq_ignore_ascii_case(email)) {
        Some(other) => {
            let message = format!("account {} has this e-mail address", other.name);
            Err(Problem::new(ProblemCode::Conflict, message))
        }
        None => Ok(()),
    }
}

fn checked_name(name: &str) -> Result<String, Problem> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !begins || name.len() > NAME_LIMIT_BYTES || !name.bytes().all(is_plain) {
        let message =
            "an account's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    Ok(name.to_owned())
}

/// An address without quoting or comments (RFC 5321, `Dot-string@Domain`): it stands in certificates
/// and is compared there as it is.
fn checked_email(email: &str) -> Result<String, Problem> {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let dotted = |text: &str, is_in: &dyn Fn(u8) -> bool| {
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_in))
    };
    let is_address = email
        .split_once('@')
        .is_some_and(|(local, domain)| dotted(local, &is_atom) && dotted(domain, &is_label));
    if !is_address || email.len() > EMAIL_LIMIT_BYTES {
        let message = "an e-mail address is written like name@example.com";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    Ok(email.to_owned())
}

fn summary(account: &provender_store::Account) -> Account {
    Account {
        name: account.name.clone(),
        email: account.email.clone(),
        created_at: account.created_at,
        sign_ins_since: account.sign_ins_since,
        disabled_at: account.disabled_at,
    }
}

#[cfg(test)]
mod tests;
