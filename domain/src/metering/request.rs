//! What a model call asks for, and the changes made to it on the way.

use serde_json::{Value, json};

use super::{Dialect, MAX_BELIEVABLE_TOKENS, estimate_tokens};

/// A model call that can be metered.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// Model asked for.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Most output tokens asked for; none when the request names no limit.
    pub max_output_tokens: Option<u64>,
    /// Input tokens, estimated from the size of the body.
    pub estimated_input_tokens: u64,
    /// The body to send: the one that came, with a usage report asked for.
    pub body: Value,
}

/// Why a model call cannot be let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is no JSON object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// No model is named.
    #[error("`model` must be a non-empty string")]
    NoModel,
    /// More than one answer was asked for, which multiplies the output unseen.
    #[error("`n` must be 1")]
    ManyAnswers,
    /// A limit on the output that is not a whole number within reason.
    #[error("`{0}` must be a whole number above 0")]
    OutputLimit(&'static str),
}

/// Reads the body of a model call.
///
/// # Errors
/// When it is no object, names no model, or its limits cannot be understood.
pub fn read_request(dialect: Dialect, bytes: &[u8]) -> Result<ModelRequest, RequestError> {
    let mut body: Value = serde_json::from_slice(bytes).map_err(|_| RequestError::NotAnObject)?;
    let fields = body.as_object_mut().ok_or(RequestError::NotAnObject)?;
    let model = fields
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if model.is_empty() {
        return Err(RequestError::NoModel);
    }
    if !matches!(fields.get("n"), None | Some(Value::Null)) && fields.get("n") != Some(&json!(1)) {
        return Err(RequestError::ManyAnswers);
    }
    let mut max_output_tokens = None;
    for name in ["max_completion_tokens", "max_tokens"] {
        match fields.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_u64() {
                Some(limit @ 1..=MAX_BELIEVABLE_TOKENS) => {
                    max_output_tokens = max_output_tokens.max(Some(limit));
                }
                _ => return Err(RequestError::OutputLimit(name)),
            },
        }
    }
    let stream = fields
        .get("stream")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if dialect == Dialect::Openai && stream {
        ask_for_usage(fields);
    }
    Ok(ModelRequest {
        model,
        stream,
        max_output_tokens,
        estimated_input_tokens: estimate_tokens(bytes.len() as u64),
        body,
    })
}

/// Without this an OpenAI stream ends without saying what it used.
fn ask_for_usage(fields: &mut serde_json::Map<String, Value>) {
    match fields
        .get_mut("stream_options")
        .and_then(Value::as_object_mut)
    {
        Some(options) => {
            options.insert("include_usage".to_owned(), json!(true));
        }
        None => {
            fields.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
}
