//! Who signed in, who was refused, and who got a certificate: events that nobody waits for. What
//! they tell of is proved elsewhere too: certificates are in their log before anybody has them.

use std::net::IpAddr;

use provender_domain::{EventKind, NewEvent};

use crate::{Caller, Registry};

/// How a person got an identity token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMethod {
    /// A program sent the password.
    Password,
    /// A device's code was confirmed.
    DeviceCode,
    /// A page of ours sent a program its code.
    AuthorizationCode,
}

impl SignInMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::DeviceCode => "device-code",
            Self::AuthorizationCode => "authorization-code",
        }
    }
}

/// What a certificate says that was issued.
#[derive(Debug, Clone, Copy)]
pub struct IssuedCertificate<'a> {
    /// The name in it.
    pub identity: &'a str,
    /// Who vouched for that.
    pub issuer: &'a str,
    /// Its serial number, in hexadecimal.
    pub serial: &'a str,
}

impl Registry {
    /// A person has an identity token now, for whoever `audience` is.
    pub fn record_sign_in(
        &self,
        account: &str,
        audience: &str,
        method: SignInMethod,
        client: Option<IpAddr>,
    ) {
        let message = format!("account {account} signed in");
        let mut event = self.identity_event(EventKind::SignedIn, client, message);
        event.detail.set_text("account", account);
        event.detail.set_text("audience", audience);
        event.detail.set_text("method", method.as_str());
        self.record_in_background(event);
    }

    /// A person who is signed in refused a device.
    pub fn record_refused_device(&self, account: &str, device: Option<IpAddr>) {
        let message = format!("account {account} refused a device that wanted to sign in");
        let mut event = self.identity_event(EventKind::SignInRefused, device, message);
        event.detail.set_text("account", account);
        event.detail.set_text("method", SignInMethod::DeviceCode.as_str());
        self.record_in_background(event);
    }

    /// Somebody whose account was disabled, changed or removed meanwhile, or has another password now,
    /// came back for a token.
    pub fn record_ended_sign_in(&self, account: &str, client: Option<IpAddr>) {
        if !self.inner.attempts.is_news_of_refusal(account, client, self.now()) {
            return;
        }
        let message = format!("account {account} was refused: that sign-in has ended");
        let mut event = self.identity_event(EventKind::SignInRefused, client, message);
        event.detail.set_text("account", account);
        self.record_in_background(event);
    }

    /// The bearer of a token has an identity token now.
    pub fn record_identity(&self, caller: &Caller, identity: &str, audience: &str) {
        let message = format!("{} has an identity token as {identity}", caller.actor());
        let mut event = self.event(EventKind::IdentityIssued, caller, message);
        event.detail.set_text("identity", identity);
        event.detail.set_text("audience", audience);
        self.record_in_background(event);
    }

    /// Somebody has a certificate now.
    pub fn record_certificate(&self, issued: IssuedCertificate<'_>, client: Option<IpAddr>) {
        let IssuedCertificate { identity, issuer, serial } = issued;
        let message = format!("{identity} got a certificate");
        let mut event = self.identity_event(EventKind::CertificateIssued, client, message);
        event.detail.set_text("identity", identity);
        event.detail.set_text("issuer", issuer);
        event.detail.set_text("serial", serial);
        self.record_in_background(event);
    }

    /// By somebody who showed no token of ours.
    pub(super) fn identity_event(
        &self,
        kind: EventKind,
        client: Option<IpAddr>,
        message: String,
    ) -> NewEvent {
        self.event(kind, &Caller::stranger(client), message)
    }
}
