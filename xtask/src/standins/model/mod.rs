//! A deterministic model server for machines without a provider's key. It speaks
//! OpenAI's Chat Completions, Responses and embeddings and Anthropic's Messages, streaming and not, and
//! does what the directives in the newest user message say (see [`script`]).

mod anthropic;
mod openai;
mod record;
mod reply;
mod responses;
mod routes;
pub mod script;
mod sse;

use std::sync::{Arc, Mutex};

use record::{FailedOnce, Records};
pub use record::{KEPT_REQUESTS, RequestRecord};

/// Id of the model that it offers, which has no price.
pub const MODEL_ID: &str = "stand-in";
/// Id of another that answers just the same, and has a price.
pub const PRICED_MODEL_ID: &str = "stand-in-priced";
/// Id of another that has a price and is called by OpenAI's Responses.
pub const RESPONSES_MODEL_ID: &str = "stand-in-responses";
/// Id of another that has a price and is called by Anthropic's Messages.
pub const MESSAGES_MODEL_ID: &str = "stand-in-messages";

/// The server's state. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ModelServer {
    key: Arc<str>,
    records: Arc<Mutex<Records>>,
    failed: Arc<Mutex<FailedOnce>>,
}

impl ModelServer {
    /// A server that answers to `key` alone, as a provider does.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self {
            key: key.into(),
            records: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Everything it answers.
    pub fn router(self) -> axum::Router {
        routes::router(self)
    }

    /// Whether a call for this message is the first that is to fail.
    fn fails_first(&self, message: &str) -> bool {
        self.failed
            .lock()
            .is_ok_and(|mut failed| failed.is_first(message))
    }

    /// The newest requests, oldest first, at most [`KEPT_REQUESTS`].
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.records
            .lock()
            .map(|records| records.list())
            .unwrap_or_default()
    }
}
