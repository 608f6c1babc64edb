//! Tokens from bytes, where nobody says how many there were.

/// Bytes of text that make a token, about: OpenAI's rule of thumb of four
/// characters of English (help.openai.com, "What are tokens and how to count them?").
pub const BYTES_PER_TOKEN: u64 = 4;

/// Tokens in so many bytes of text, rounded up.
#[must_use]
pub fn estimate_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}
