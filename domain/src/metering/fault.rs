//! What a provider refuses because of the gateway's own account there: no user can help
//! it, an operator can.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dialect, LIMIT_MESSAGE_PREFIX};

/// What is wrong with the gateway's account at a provider. OpenClaw would lock its key for
/// ten minutes or more, or try again for a minute and a half, if it heard of it in the
/// provider's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountFault {
    /// The provider does not accept the key.
    Key,
    /// The account is out of credit, or has reached the most that it may spend.
    Credit,
}

/// What providers, and proxies before them, say of an account that is out of credit, in
/// lower case and with blanks for underscores: what OpenClaw 2026.9.6 takes for a matter of
/// billing.
const OUT_OF_CREDIT: &[&str] = &[
    "all available credits",
    "available balance",
    "billing error",
    "billing hard limit",
    "billing not active",
    "credit balance",
    "insufficient account balance",
    "insufficient balance",
    "insufficient credit",
    "insufficient quota",
    "insufficient usd",
    "more credits",
    "out of budget",
    "payment required",
    "plans & billing",
    "spend limit",
    "spending limit",
];

impl AccountFault {
    /// Reads a provider's refusal; none for one that is about the call or passes by itself.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        match status {
            402 => Some(Self::Credit),
            400..=499 if says_out_of_credit(body) => Some(Self::Credit),
            401 | 403 => Some(Self::Key),
            _ => None,
        }
    }

    /// What is told to the user: OpenClaw shows it as it is and does not try again, since it
    /// speaks of a usage limit and of its reset.
    #[must_use]
    pub fn message(self, dialect: Dialect) -> String {
        let provider = dialect.provider();
        match self {
            Self::Key => format!(
                "{LIMIT_MESSAGE_PREFIX}: the provider does not accept the gateway's key, until an \
                 operator of this gateway resets it."
            ),
            Self::Credit => format!(
                "{LIMIT_MESSAGE_PREFIX}: the gateway's account at {provider} has run out of \
                 credit. An operator of this gateway can add some there; the limit resets as \
                 soon as it is paid."
            ),
        }
    }

    /// The same for the audit.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Key => "does not accept the gateway's key",
            Self::Credit => "says that the gateway's account is out of credit",
        }
    }
}

/// Whether the fields in which a provider says what is wrong, or a text that is no JSON,
/// speak of credit.
fn says_out_of_credit(body: &[u8]) -> bool {
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(body) => {
            let error = body.get("error").unwrap_or(&body);
            let fields = ["message", "code", "type"].map(|name| error.get(name));
            let own = error.as_str().into_iter();
            let texts = fields.into_iter().flatten().filter_map(Value::as_str);
            own.chain(texts).collect::<Vec<_>>().join("\n")
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let said = said.to_lowercase().replace('_', " ");
    OUT_OF_CREDIT.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Option<AccountFault> {
        AccountFault::read(status, body.as_bytes())
    }

    #[test]
    fn an_account_without_credit_is_known_in_each_shape() {
        for (status, body) in [
            (402, ""),
            (
                402,
                r#"{"error":{"message":"Insufficient Balance","type":"unknown_error"}}"#,
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}"#,
            ),
            (
                429,
                r#"{"error":{"message":"Billing hard limit has been reached","type":"invalid_request_error","code":"billing_hard_limit_reached"}}"#,
            ),
            (
                403,
                r#"{"code":"permission-denied","error":"Your team has either used all available credits or reached its monthly spending limit."}"#,
            ),
            (429, "payment required: add credits"),
        ] {
            assert_eq!(read(status, body), Some(AccountFault::Credit), "{body}");
        }
    }

    #[test]
    fn a_key_that_is_refused_is_no_matter_of_credit() {
        let body = r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#;
        assert_eq!(read(401, body), Some(AccountFault::Key));
        assert_eq!(read(403, ""), Some(AccountFault::Key));
    }

    #[test]
    fn what_passes_by_itself_or_is_about_the_call_is_left_to_openclaw() {
        let rate = r#"{"error":{"message":"Rate limit reached for requests per min","type":"requests","code":"rate_limit_exceeded"}}"#;
        for (status, body) in [
            (429, rate),
            (
                429,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"too many"}}"#,
            ),
            // Google's, of a minute's quota.
            (
                429,
                r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details. Please retry in 32s.","status":"RESOURCE_EXHAUSTED"}}"#,
            ),
            (400, r#"{"error":{"message":"max_tokens is too large"}}"#),
            // A field in which nothing is said of the account.
            (
                400,
                r#"{"error":{"message":"bad input","param":"credit balance"}}"#,
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ),
            (503, "insufficient_quota"),
            (404, ""),
        ] {
            assert_eq!(read(status, body), None, "{status} {body}");
        }
    }

    #[test]
    fn what_the_user_is_told_says_when_it_resets_and_nothing_of_billing() {
        for fault in [AccountFault::Key, AccountFault::Credit] {
            for dialect in [Dialect::Openai, Dialect::Anthropic] {
                let message = fault.message(dialect);
                assert!(message.starts_with(LIMIT_MESSAGE_PREFIX), "{message}");
                assert!(
                    message.contains("resets") && message.len() <= 300,
                    "{message}"
                );
                assert!(message.contains("operator of this gateway"), "{message}");
                assert!(!says_out_of_credit(message.as_bytes()), "{message}");
            }
        }
    }
}
