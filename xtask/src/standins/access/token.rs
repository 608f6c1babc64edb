//! The token: the header and claims of an Access application token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::sha2::{Digest, Sha256};
use serde_json::{Map, Value, json};

use super::{IssuerConfig, Keys, Overrides};

/// How long a sign-in lasts: the default of Access, 24 hours.
pub const SESSION_SECONDS: i64 = 24 * 60 * 60;

/// Signs a token for `email` at `now` (seconds since 1970), changed by `overrides`.
pub(super) fn mint(
    config: &IssuerConfig,
    keys: &Keys,
    email: &str,
    now: i64,
    overrides: &Overrides,
) -> anyhow::Result<String> {
    let mut nonce = [0u8; 12];
    getrandom::fill(&mut nonce)?;
    let mut header = Map::from_iter([
        ("alg".to_owned(), json!("RS256")),
        ("kid".to_owned(), json!(keys.id(overrides.key))),
        ("typ".to_owned(), json!("JWT")),
    ]);
    let mut claims = Map::from_iter([
        ("aud".to_owned(), json!(config.audiences)),
        ("email".to_owned(), json!(email)),
        ("exp".to_owned(), json!(now + SESSION_SECONDS)),
        ("iat".to_owned(), json!(now)),
        ("nbf".to_owned(), json!(now)),
        ("iss".to_owned(), json!(config.issuer)),
        ("type".to_owned(), json!("app")),
        (
            "identity_nonce".to_owned(),
            json!(URL_SAFE_NO_PAD.encode(nonce)),
        ),
        ("sub".to_owned(), json!(subject(email))),
        ("country".to_owned(), json!("T1")),
    ]);
    apply(&mut header, &overrides.header);
    apply(&mut claims, &overrides.claims);
    let signed = format!("{}.{}", encode(&header)?, encode(&claims)?);
    let signature = keys.sign(overrides.key, signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn encode(part: &Map<String, Value>) -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part)?))
}

fn apply(target: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        if value.is_null() {
            target.remove(name);
        } else {
            target.insert(name.clone(), value.clone());
        }
    }
}

/// The person's id, in the form of a UUID: the same for every sign-in.
fn subject(email: &str) -> String {
    let hash = Sha256::digest(email.to_lowercase().as_bytes());
    let hex: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        cut(0, 8),
        cut(8, 12),
        cut(12, 16),
        cut(16, 20),
        cut(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_stable_and_looks_like_a_uuid() {
        let one = subject("operator@localhost.test");
        assert_eq!(one, subject("Operator@localhost.test"));
        assert_ne!(one, subject("viewer@localhost.test"));
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
