//! The domain's own words: what is read is written so that it reads the same again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use provender_domain::{
    Digest, FileName, NamePattern, RepositoryName, Scope, Timestamp, UpstreamName,
};

pub(crate) fn words(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    reads_again::<Digest>(&text);
    reads_again::<Timestamp>(&text);
    reads_again::<RepositoryName>(&text);
    reads_again::<UpstreamName>(&text);
    reads_again::<FileName>(&text);
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(format!("{scope:?}").to_lowercase(), *text);
    }
    if let Ok(pattern) = NamePattern::new(&text) {
        assert_eq!(NamePattern::new(&pattern.to_string()), Ok(pattern));
    }
}

fn reads_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert!(written.parse::<T>().is_ok_and(|again| again == value), "{text:?}: {written:?}");
    }
}
