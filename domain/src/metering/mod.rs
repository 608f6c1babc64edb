//! How many tokens a model call used, read from what the provider answers.
//!
//! In scope: OpenAI chat completions, responses and embeddings, and Anthropic
//! messages, as one JSON document or as server-sent events, cut anywhere. Out of
//! scope: prices.
//!
//! What a provider does not say, or says in a way nobody can believe, is
//! estimated from the bytes that went through, never taken as nothing.

mod attribution;
mod dialect;
mod estimate;
mod fault;
mod operation;
mod request;
mod sse;

pub use attribution::{Attribution, clean_session};
pub use dialect::{BUDGET_MESSAGE_PREFIX, Dialect, ErrorKind, LIMIT_MESSAGE_PREFIX};
pub use estimate::{BYTES_PER_TOKEN, estimate_tokens};
pub use fault::AccountFault;
pub use operation::Operation;
pub use request::{ModelRequest, RequestError, read_request};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use sse::{MAX_EVENT_BYTES, SseReader};

/// Most tokens that one field of a usage report is believed to hold. No model
/// takes or makes that many in a call; what is above it is a fault or an attack.
pub const MAX_BELIEVABLE_TOKENS: u64 = 100_000_000;

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, those read from or written to a cache included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Of the input, those read from a cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Of the input, those written to a cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Of the output, those that only reasoned.
    #[serde(default)]
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Input and output together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// Where a count comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The provider said both counts.
    Reported,
    /// At least one count was estimated from bytes.
    Estimated,
}

/// What a call used, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The counts.
    pub usage: Usage,
    /// Where they come from.
    pub source: Source,
}

/// How an answer is framed, from its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Events,
    /// One JSON document.
    Document,
}

impl Framing {
    /// The framing that a `Content-Type` names; anything but an event stream is a document.
    #[must_use]
    pub fn from_content_type(value: &str) -> Self {
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else {
            Self::Document
        }
    }
}

/// Counts the tokens of one answer as its bytes pass by.
#[derive(Debug)]
pub struct Meter {
    operation: Operation,
    framing: Framing,
    events: SseReader,
    document: Vec<u8>,
    seen_bytes: u64,
    reported: Reported,
}

/// What the provider has said so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Reported {
    input: Option<u64>,
    output: Option<u64>,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
    /// The output count is that of the finished answer.
    complete: bool,
    /// Bytes of generated text and arguments.
    text_bytes: u64,
}

impl Reported {
    fn raise_input(&mut self, tokens: Option<u64>) {
        self.input = self.input.max(tokens);
    }
    fn raise_output(&mut self, tokens: Option<u64>) {
        self.output = self.output.max(tokens);
    }
    fn raise_kinds(&mut self, cached: Option<u64>, written: Option<u64>, reasoning: Option<u64>) {
        self.cached = self.cached.max(cached.unwrap_or(0));
        self.cache_write = self.cache_write.max(written.unwrap_or(0));
        self.reasoning = self.reasoning.max(reasoning.unwrap_or(0));
    }
}

impl Meter {
    /// A meter for an answer to the given operation in the given framing.
    #[must_use]
    pub fn new(operation: Operation, framing: Framing) -> Self {
        Self {
            operation,
            framing,
            events: SseReader::default(),
            document: Vec::new(),
            seen_bytes: 0,
            reported: Reported::default(),
        }
    }

    /// Reads the next bytes of the answer, wherever they were cut.
    pub fn push(&mut self, chunk: &[u8]) {
        self.seen_bytes = self.seen_bytes.saturating_add(chunk.len() as u64);
        match self.framing {
            Framing::Events => {
                let (operation, reported) = (self.operation, &mut self.reported);
                self.events
                    .push(chunk, |data| read_value(operation, data, reported));
            }
            Framing::Document => {
                let room = MAX_EVENT_BYTES.saturating_sub(self.document.len());
                self.document.extend(chunk.iter().take(room));
            }
        }
    }

    /// What the call used, given the size of its request in bytes.
    #[must_use]
    pub fn finish(mut self, request_bytes: u64) -> Reading {
        if self.framing == Framing::Document {
            read_value(self.operation, &self.document, &mut self.reported);
        }
        let Reported {
            input,
            output,
            cached,
            cache_write,
            reasoning,
            complete,
            text_bytes,
        } = self.reported;
        // A stream without any text that we understand still cost something:
        // a quarter of its bytes bounds it from above.
        let unread = if text_bytes == 0 {
            self.seen_bytes
        } else {
            text_bytes
        };
        let makes_output = self.operation != Operation::Embeddings;
        let seen = if makes_output {
            estimate_tokens(unread)
        } else {
            0
        };
        let (output_tokens, output_known) = match output {
            Some(tokens) if complete => (tokens, true),
            Some(tokens) => (tokens.max(seen), false),
            None => (seen, !makes_output),
        };
        let input_tokens = input.unwrap_or_else(|| estimate_tokens(request_bytes));
        let cached_input_tokens = cached.min(input_tokens);
        let usage = Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens,
            cache_write_tokens: cache_write.min(input_tokens - cached_input_tokens),
            reasoning_tokens: reasoning.min(output_tokens),
        };
        let known = input.is_some() && output_known;
        Reading {
            usage,
            source: if known {
                Source::Reported
            } else {
                Source::Estimated
            },
        }
    }
}

fn read_value(operation: Operation, data: &[u8], reported: &mut Reported) {
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        operation.read(&value, reported);
    }
}

#[cfg(test)]
mod tests;
