//! What a model call asks for, and the changes made to it on the way.

use serde_json::{Map, Value, json};

use super::attribution::attribute;
use super::{Attribution, MAX_BELIEVABLE_TOKENS, Operation, estimate_tokens};

/// Least tokens that Anthropic's extended thinking takes as its budget.
const MIN_THINKING: u64 = 1_024;

/// A model call that can be metered.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// What it is called for.
    pub operation: Operation,
    /// Model asked for.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Most output tokens asked for; none when the request names no limit.
    pub max_output_tokens: Option<u64>,
    /// Input tokens, estimated from the size of the body.
    pub estimated_input_tokens: u64,
    /// Who calls, as far as OpenClaw says.
    pub attribution: Attribution,
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
    /// An answer that is made while nobody listens cannot be metered.
    #[error("`background` must be false")]
    Background,
    /// A limit on the output that is not a whole number within reason.
    #[error("`{0}` must be a whole number above 0")]
    OutputLimit(&'static str),
}

/// Reads the body of a model call.
///
/// # Errors
/// When it is no object, names no model, or its limits cannot be understood.
pub fn read_request(operation: Operation, bytes: &[u8]) -> Result<ModelRequest, RequestError> {
    let mut body: Value = serde_json::from_slice(bytes).map_err(|_| RequestError::NotAnObject)?;
    let attribution = attribute(operation, &body);
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
    if !matches!(
        fields.get("background"),
        None | Some(Value::Null | Value::Bool(false))
    ) {
        return Err(RequestError::Background);
    }
    let mut max_output_tokens = None;
    for &name in limit_fields(operation) {
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
    if operation == Operation::ChatCompletions && stream {
        ask_for_usage(fields);
    }
    Ok(ModelRequest {
        operation,
        model,
        stream,
        max_output_tokens,
        estimated_input_tokens: estimate_tokens(bytes.len() as u64),
        attribution,
        body,
    })
}

impl ModelRequest {
    /// Has the provider stop after so many output tokens. A limit of the request's
    /// own that is lower stays.
    pub fn limit_output(&mut self, tokens: u64) {
        let Some(fields) = self.body.as_object_mut() else {
            return;
        };
        let named: Vec<&str> = limit_fields(self.operation)
            .iter()
            .copied()
            .filter(|name| fields.get(*name).is_some_and(|value| !value.is_null()))
            .collect();
        let names = match (named.as_slice(), limit_fields(self.operation).first()) {
            ([], Some(usual)) => vec![*usual],
            _ => named,
        };
        for name in names {
            let limit = fields
                .get(name)
                .and_then(Value::as_u64)
                .map_or(tokens, |own| own.min(tokens));
            fields.insert(name.to_owned(), json!(limit));
        }
        if self.operation == Operation::Messages {
            limit_thinking(fields, tokens);
        }
    }
}

/// Fields that limit the output; the first is the one to set.
fn limit_fields(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::ChatCompletions => &["max_completion_tokens", "max_tokens"],
        Operation::Responses => &["max_output_tokens"],
        Operation::Messages => &["max_tokens"],
        Operation::Embeddings => &[],
    }
}

/// Anthropic refuses a thinking budget that is not below `max_tokens`.
fn limit_thinking(fields: &mut Map<String, Value>, tokens: u64) {
    let Some(thinking) = fields.get_mut("thinking").and_then(Value::as_object_mut) else {
        return;
    };
    let budget = thinking.get("budget_tokens").and_then(Value::as_u64);
    if budget.is_some_and(|budget| budget >= tokens) {
        if tokens > MIN_THINKING {
            thinking.insert("budget_tokens".to_owned(), json!(tokens - 1));
        } else {
            fields.insert("thinking".to_owned(), json!({"type": "disabled"}));
        }
    }
}

/// Without this an OpenAI stream ends without saying what it used.
fn ask_for_usage(fields: &mut Map<String, Value>) {
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
