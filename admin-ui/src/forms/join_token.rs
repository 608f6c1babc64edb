//! The form that makes a join token.

use domain::id::GatewayName;
use domain::problem::FieldError;
use domain::wire::registry::CreateJoinToken;

/// How long a token may be made to last, in seconds, with what the form says.
pub(crate) const LIFETIMES: [(u32, &str); 4] = [
    (300, "5 minutes"),
    (900, "15 minutes"),
    (1800, "30 minutes"),
    (3600, "1 hour"),
];

/// The form's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinTokenDraft {
    /// Name that the gateway must enrol under; empty lets it choose.
    pub(crate) name: String,
    /// Seconds it is valid.
    pub(crate) ttl_seconds: u32,
}

impl Default for JoinTokenDraft {
    fn default() -> Self {
        Self {
            name: String::new(),
            ttl_seconds: 300,
        }
    }
}

impl JoinTokenDraft {
    /// The body of `POST join-tokens`.
    ///
    /// # Errors
    /// A name that no gateway can have, at `/name`.
    pub(crate) fn into_request(self) -> Result<CreateJoinToken, Vec<FieldError>> {
        let name = match self.name.trim() {
            "" => None,
            text => match text.parse::<GatewayName>() {
                Ok(name) => Some(name),
                Err(error) => return Err(vec![FieldError::new("/name", error.to_string())]),
            },
        };
        Ok(CreateJoinToken {
            name,
            ttl_seconds: Some(self.ttl_seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{JoinTokenDraft, LIFETIMES};

    #[test]
    fn no_name_lets_the_gateway_choose() {
        let request = JoinTokenDraft::default().into_request().expect("valid");
        assert_eq!((request.name, request.ttl_seconds), (None, Some(300)));
    }

    #[test]
    fn a_name_that_no_gateway_can_have_is_said_at_its_field() {
        for bad in ["Company", "-a", "a b", "<b>"] {
            let draft = JoinTokenDraft {
                name: bad.to_owned(),
                ..JoinTokenDraft::default()
            };
            let errors = draft.into_request().expect_err("refused");
            assert_eq!(errors[0].pointer, "/name", "{bad}");
        }
    }

    #[test]
    fn every_lifetime_is_one_the_registry_takes() {
        assert!(
            LIFETIMES
                .iter()
                .all(|(seconds, _)| (30..=3600).contains(seconds))
        );
    }
}
