//! A text that must not leak: no log, response or message can carry it by accident.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A secret text. It reads from JSON but has no JSON form, and prints as `[secret]`;
/// who must write one down says so, with [`at_rest`].
///
/// ```compile_fail
/// fn leaves<T: serde::Serialize>() {}
/// leaves::<domain::secret::Secret>();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes hold of a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one who has to show it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// `#[serde(with = "domain::secret::at_rest")]`: a field that is written to storage
/// which only its owner reads. Never on anything that is sent.
pub mod at_rest {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    /// Writes the text itself.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When there is no text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        Secret::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn it_is_not_printed() {
        let secret: Secret = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(
            format!("{secret:?} {:?}", Some(&secret)),
            "[secret] Some([secret])"
        );
        assert_eq!(secret.expose(), "s3cret");
    }
}
