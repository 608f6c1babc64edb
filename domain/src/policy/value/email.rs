//! E-mail addresses, by which people are named.

use serde::{Deserialize, Serialize};

use super::text_value;

/// An e-mail address in lower case, as identities are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "an e-mail address, such as ada@example.com";
        let (local, host) = text.split_once('@').ok_or(WRONG)?;
        let printable = text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"<>\"'`,;\\()".contains(&b));
        // 254: the longest address that fits an SMTP path (RFC 5321 §4.5.3.1.3).
        if local.is_empty()
            || host.is_empty()
            || host.contains('@')
            || !printable
            || text.len() > 254
        {
            return Err(WRONG);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The address as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_value!(EmailAddress);
