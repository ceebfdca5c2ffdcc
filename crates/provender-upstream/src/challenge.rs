//! What an upstream asks of those whom it does not know: `WWW-Authenticate` (RFC 9110, section
//! 11.6.1), as far as it asks for a bearer token (RFC 6750, section 3) the way container
//! registries do, whose realm is the URL at which tokens are to be had.

use url::Url;

/// Fields of one answer that are looked at.
const FIELDS_MAX: usize = 8;
/// The longest field that is read, in bytes.
const FIELD_BYTES_MAX: usize = 8 * 1024;
/// Challenges of one field that are looked at.
const CHALLENGES_MAX: usize = 16;
/// Parameters that one challenge may have.
const PARAMETERS_MAX: usize = 16;

/// A challenge that asks for a bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Where tokens are to be had. Absolute, and so far only a claim.
    pub(crate) realm: Url,
    /// What the upstream calls itself there.
    pub(crate) service: Option<String>,
    /// What the token has to be good for; words with spaces between them.
    pub(crate) scope: Option<String>,
}

/// Why a challenge cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the challenge is larger than anything honest")]
    TooLarge,
    #[error("the challenge is not written as RFC 9110 has it")]
    Malformed,
    #[error("the challenge gives a parameter twice")]
    Repeated,
    #[error("the challenge names no realm")]
    NoRealm,
    #[error("the challenge's realm is no absolute URL")]
    RealmIsNoUrl,
}

/// The first challenge for a bearer token among an answer's fields; `None` where there is none.
///
/// What comes after it is not looked at, and a field that breaks off before it is passed over.
///
/// # Errors
/// Where the first such challenge cannot be followed, or none was found for a fault.
pub(crate) fn read<'a>(
    fields: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Challenge>, Fault> {
    let mut fault = None;
    for (index, field) in fields.into_iter().enumerate() {
        if index == FIELDS_MAX || field.len() > FIELD_BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        match in_field(field) {
            Ok(Some(parameters)) => return parameters.challenge().map(Some),
            Ok(None) => {}
            Err(Stop::Here(found)) => return Err(found),
            Err(Stop::Field(found)) => fault = Some(found),
        }
    }
    fault.map_or(Ok(None), Err)
}

/// How far a fault reaches.
enum Stop {
    /// It is in the challenge that we wanted.
    Here(Fault),
    /// It is before any; another field may have one.
    Field(Fault),
}

fn in_field(field: &[u8]) -> Result<Option<Parameters>, Stop> {
    let mut reader = Reader { rest: field };
    for _ in 0..CHALLENGES_MAX {
        reader.skip_separators();
        if reader.rest.is_empty() {
            return Ok(None);
        }
        let scheme = reader.token().ok_or(Stop::Field(Fault::Malformed))?;
        let wanted = scheme.eq_ignore_ascii_case(b"bearer");
        let parameters = reader.parameters();
        match (wanted, parameters) {
            (true, Ok(parameters)) => return Ok(Some(parameters)),
            (true, Err(fault)) => return Err(Stop::Here(fault)),
            (false, Ok(_)) => {}
            (false, Err(fault)) => return Err(Stop::Field(fault)),
        }
    }
    Err(Stop::Field(Fault::TooLarge))
}

/// The parameters that matter.
#[derive(Default)]
struct Parameters {
    realm: Option<String>,
    service: Option<String>,
    scope: Option<String>,
}

impl Parameters {
    fn put(&mut self, name: &[u8], value: String) -> Result<(), Fault> {
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"realm" => &mut self.realm,
            b"service" => &mut self.service,
            b"scope" => &mut self.scope,
            _ => return Ok(()),
        };
        match slot.replace(value) {
            Some(_) => Err(Fault::Repeated),
            None => Ok(()),
        }
    }

    fn challenge(self) -> Result<Challenge, Fault> {
        let realm = self.realm.ok_or(Fault::NoRealm)?;
        let realm = Url::parse(&realm).map_err(|_| Fault::RealmIsNoUrl)?;
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Challenge { realm, service: present(self.service), scope: present(self.scope) })
    }
}

/// What is left of a field.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// What follows a scheme: parameters, one word of base64 that says nothing here, or nothing.
    fn parameters(&mut self) -> Result<Parameters, Fault> {
        let mut found = Parameters::default();
        if self.is_at_end() {
            return Ok(found);
        }
        if self.skip_space() == 0 {
            return Err(Fault::Malformed);
        }
        if self.is_at_end() || self.token68() {
            return Ok(found);
        }
        for _ in 0..PARAMETERS_MAX {
            let (name, value) = self.parameter()?;
            found.put(name, value)?;
            self.skip_space();
            if !self.is_at_end() {
                return Err(Fault::Malformed);
            }
            self.skip_separators();
            if !self.is_at_parameter() {
                return Ok(found);
            }
        }
        Err(Fault::TooLarge)
    }

    fn parameter(&mut self) -> Result<(&'a [u8], String), Fault> {
        let name = self.token().ok_or(Fault::Malformed)?;
        self.skip_space();
        if !self.skip(b'=') {
            return Err(Fault::Malformed);
        }
        self.skip_space();
        let value = if self.skip(b'"') { self.quoted()? } else { self.word()? };
        let value = String::from_utf8(value).map_err(|_| Fault::Malformed)?;
        Ok((name, value))
    }

    /// Up to the closing quote, which is taken too (RFC 9110, section 5.6.4).
    fn quoted(&mut self) -> Result<Vec<u8>, Fault> {
        let mut value = Vec::new();
        loop {
            let byte = match self.next().ok_or(Fault::Malformed)? {
                b'"' => return Ok(value),
                b'\\' => self.next().ok_or(Fault::Malformed)?,
                byte => byte,
            };
            if byte.is_ascii_control() && byte != b'\t' {
                return Err(Fault::Malformed);
            }
            value.push(byte);
        }
    }

    fn word(&mut self) -> Result<Vec<u8>, Fault> {
        self.token().map(<[u8]>::to_vec).ok_or(Fault::Malformed)
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then_some(token)
    }

    /// Takes a `token68` that is all of a challenge (RFC 9110, section 11.2), and nothing else.
    fn token68(&mut self) -> bool {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let word = self.rest.iter().take_while(|byte| is_part(byte)).count();
        let padding = self.rest[word..].iter().take_while(|byte| **byte == b'=').count();
        let mut after = Reader { rest: &self.rest[word + padding..] };
        after.skip_space();
        let found = word > 0 && after.is_at_end();
        if found {
            self.rest = after.rest;
        }
        found
    }

    /// Whether a parameter comes next, and not the next challenge.
    fn is_at_parameter(&self) -> bool {
        let mut ahead = Reader { rest: self.rest };
        if ahead.token().is_none() {
            return false;
        }
        ahead.skip_space();
        ahead.skip(b'=')
    }

    fn is_at_end(&self) -> bool {
        matches!(self.rest, [] | [b',', ..])
    }

    fn skip_separators(&mut self) {
        while self.skip_space() > 0 || self.skip(b',') {}
    }

    fn skip_space(&mut self) -> usize {
        let length = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[length..];
        length
    }

    fn skip(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

/// What a token is made of (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
