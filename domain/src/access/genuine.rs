//! Tokens whose signature was checked before.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::jwk::Jwk;

/// How many are remembered: a person's browser sends one token for hours.
const MAX_REMEMBERED: usize = 256;

/// Tokens whose signature a key was found to have made, newest last.
///
/// Only the signature is remembered, and only for that very key: whether a key is
/// still one of the issuer's, and whether a token is for this application and valid
/// now, is judged each time.
#[derive(Debug, Default)]
pub struct GenuineSignatures {
    seen: VecDeque<[u8; 32]>,
}

impl GenuineSignatures {
    /// Whether `key` was found to have signed `token`.
    #[must_use]
    pub fn contains(&self, key: &Jwk, token: &str) -> bool {
        self.seen.contains(&digest(key, token))
    }

    /// Remembers that `key` signed `token`; the oldest is forgotten for it.
    pub fn remember(&mut self, key: &Jwk, token: &str) {
        let digest = digest(key, token);
        if self.seen.contains(&digest) {
            return;
        }
        if self.seen.len() == MAX_REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(digest);
    }
}

/// Tokens are kept as hashes: memory is no place for what opens a door.
fn digest(key: &Jwk, token: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [key.n.as_deref(), key.e.as_deref(), Some(token)] {
        let part = part.unwrap_or_default();
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(n: &str) -> Jwk {
        Jwk {
            n: Some(n.to_owned()),
            e: Some("AQAB".to_owned()),
            ..Jwk::ed25519(&[0; 32])
        }
    }

    #[test]
    fn a_token_counts_for_the_key_that_signed_it_alone() {
        let mut genuine = GenuineSignatures::default();
        genuine.remember(&rsa("one"), "a.b.c");
        assert!(genuine.contains(&rsa("one"), "a.b.c"));
        assert!(!genuine.contains(&rsa("two"), "a.b.c"));
        assert!(!genuine.contains(&rsa("one"), "a.b.d"));
        assert!(!genuine.contains(&rsa("on"), "ea.b.c"));
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_no_more_are_kept_than_fit() {
        let mut genuine = GenuineSignatures::default();
        for number in 0..=MAX_REMEMBERED {
            genuine.remember(&rsa("one"), &number.to_string());
            genuine.remember(&rsa("one"), &number.to_string());
        }
        assert_eq!(genuine.seen.len(), MAX_REMEMBERED);
        assert!(!genuine.contains(&rsa("one"), "0"));
        assert!(genuine.contains(&rsa("one"), "1"));
    }
}
