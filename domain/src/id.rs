//! Identifiers: what they look like and how they are made from random bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a gateway, in characters: it becomes a DNS label (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 63;

/// A gateway as the registry knows it: `gw_` and a ULID in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayId(String);

/// What an operator calls a gateway: a DNS label (`a-z`, `0-9`, inner `-`, at most 63).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayName(String);

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdError(&'static str);

impl GatewayId {
    /// A new id from the time in Unix milliseconds and 10 random bytes.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        let mut wide = [0u8; 16];
        let (_, low) = wide.split_at_mut(6);
        low.copy_from_slice(&random);
        let ulid = ulid::Ulid::from_parts(unix_ms, u128::from_be_bytes(wide));
        Self(format!("gw_{}", ulid.to_string().to_lowercase()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl GatewayName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GatewayId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text
            .strip_prefix("gw_")
            .ok_or(IdError("a gateway id starts with gw_"))?;
        let lower = body
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !lower || ulid::Ulid::from_string(body).is_err() {
            return Err(IdError("a gateway id is gw_ and a ULID in lower case"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for GatewayName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
            return Err(IdError("a name has 1 to 63 characters of a-z, 0-9 and -"));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(IdError("a name neither starts nor ends with -"));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text_id {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_id!(GatewayId, GatewayName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_a_round_trip() {
        let id = GatewayId::from_parts(1_795_336_453_265, [7; 10]);
        assert_eq!(id.as_str().parse::<GatewayId>(), Ok(id.clone()));
        assert_eq!(id.as_str().len(), 29);
    }

    #[test]
    fn ids_of_another_shape_are_refused() {
        for bad in [
            "",
            "gw_",
            "01JD",
            "gw_01JDABCDEFGHJKMNPQRSTVWXYZ",
            "gw_../../etc",
            "gw_' or 1=1",
        ] {
            assert!(bad.parse::<GatewayId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_dns_labels() {
        for good in ["company", "a", "g-1", "1"] {
            assert!(good.parse::<GatewayName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "Company", "a b", "a.b", "ä", "a/../b"] {
            assert!(bad.parse::<GatewayName>().is_err(), "{bad}");
        }
    }
}
