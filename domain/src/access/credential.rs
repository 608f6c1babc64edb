//! Bearer credentials: made from random bytes, kept as hashes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A credential from 32 random bytes: the prefix and 43 characters of base64url.
#[must_use]
pub fn credential_from(prefix: &str, random: [u8; 32]) -> String {
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// What is stored of a credential: its SHA-256 in lower-case hex.
///
/// A plain hash is enough because the credential is 256 random bits.
#[must_use]
pub fn hash_credential(credential: &str) -> String {
    crate::policy::hex(&Sha256::digest(credential.as_bytes()))
}

/// Whether two texts are the same, in a time that tells only their lengths.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |diff, (x, y)| diff | (x ^ y))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_their_documented_length() {
        let credential = credential_from("tgc_", [0xff; 32]);
        assert_eq!(credential.len(), 4 + 43);
        assert_eq!(hash_credential(&credential).len(), 64);
    }

    #[test]
    fn equality_is_exact() {
        assert!(constant_time_eq("abc", "abc"));
        for other in ["", "ab", "abd", "abcd", "ABC"] {
            assert!(!constant_time_eq("abc", other), "{other}");
        }
    }
}
