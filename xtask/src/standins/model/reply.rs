//! What to answer, before it is put into a provider's words.

use super::script::{Script, ToolCall, Usage};

/// Bytes to a token: what the stand-in counts by.
const BYTES_PER_TOKEN: usize = 4;
/// A prompt's prefix is cached in steps of this many tokens, from 1,024 on, as at OpenAI.
const CACHE_STEP: u64 = 128;
const CACHE_MINIMUM: u64 = 1024;
/// How much of a tool's result is quoted, in characters.
const QUOTED: usize = 4_000;

const GREETING: &str = "Hello! I am the stand-in model of this local installation, not a real one: \
    I always answer like this. To see a tool called, send for example \
    /tool exec {\"command\":\"echo hi\"}";

/// The part of a request that the answer depends on.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// Text of the newest user message.
    pub(super) user: String,
    /// Results of the tools called last, when they are what is to be answered.
    pub(super) tool_results: Vec<String>,
    /// Size of the whole prompt in bytes.
    pub(super) prompt_bytes: usize,
    /// Size of the part of it that stays the same between turns, in bytes.
    pub(super) prefix_bytes: usize,
    /// Most tokens to answer with.
    pub(super) max_output_tokens: Option<u64>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) tools: Vec<ToolCall>,
    pub(super) end: End,
    pub(super) usage: Usage,
}

/// Why the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Stop,
    Length,
    Tools,
}

/// Decides the answer. The same conversation always gets the same one.
pub(super) fn decide(conversation: &Conversation, script: &Script) -> Reply {
    let answering_tools = !conversation.tool_results.is_empty();
    let tools = if answering_tools {
        Vec::new()
    } else {
        script.tools.clone()
    };
    let mut text = if answering_tools {
        quote(&conversation.tool_results)
    } else if let Some(mistake) = &script.mistake {
        mistake.clone()
    } else if let Some(say) = &script.say {
        say.clone()
    } else if tools.is_empty() {
        GREETING.to_owned()
    } else {
        String::new()
    };
    let mut end = if tools.is_empty() {
        End::Stop
    } else {
        End::Tools
    };
    if let Some(limit) = conversation.max_output_tokens {
        let bytes = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_mul(BYTES_PER_TOKEN);
        if text.len() > bytes {
            text.truncate(text.floor_char_boundary(bytes));
            end = End::Length;
        }
    }
    let called: usize = tools
        .iter()
        .map(|tool| tool.name.len() + tool.arguments.to_string().len())
        .sum();
    let usage = usage(conversation, script, text.len() + called);
    Reply {
        text,
        tools,
        end,
        usage,
    }
}

fn usage(conversation: &Conversation, script: &Script, output_bytes: usize) -> Usage {
    if let Some(told) = script.usage {
        return told;
    }
    let prefix = tokens(conversation.prefix_bytes);
    let cached = if prefix < CACHE_MINIMUM {
        0
    } else {
        prefix - prefix % CACHE_STEP
    };
    let input = tokens(conversation.prompt_bytes).max(cached);
    Usage {
        input,
        cached,
        output: tokens(output_bytes).max(1),
        ..Usage::default()
    }
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

fn quote(results: &[String]) -> String {
    let quoted: Vec<String> = results
        .iter()
        .map(|result| {
            let short: String = result.chars().take(QUOTED).collect();
            let more = if short.len() < result.len() {
                " […]"
            } else {
                ""
            };
            format!("The tool answered:\n{short}{more}")
        })
        .collect();
    quoted.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(user: &str) -> Conversation {
        Conversation {
            user: user.to_owned(),
            prompt_bytes: 401,
            ..Conversation::default()
        }
    }

    fn reply(conversation: &Conversation) -> Reply {
        decide(conversation, &Script::read(&conversation.user))
    }

    #[test]
    fn a_tool_is_called_and_its_result_quoted() {
        let mut talk = conversation("/tool exec {\"command\":\"echo hi\"}");
        let first = reply(&talk);
        assert_eq!(
            (first.end, first.tools.len(), first.text.as_str()),
            (End::Tools, 1, "")
        );
        talk.tool_results = vec!["hi".to_owned()];
        let second = reply(&talk);
        assert_eq!((second.end, second.tools.len()), (End::Stop, 0));
        assert!(second.text.ends_with("hi"), "{}", second.text);
    }

    #[test]
    fn the_limit_on_output_is_kept() {
        let mut talk = conversation("/say äääääääää");
        talk.max_output_tokens = Some(2);
        let short = reply(&talk);
        assert_eq!(
            (short.text.as_str(), short.end, short.usage.output),
            ("ääää", End::Length, 2)
        );
    }

    #[test]
    fn tokens_follow_from_the_bytes() {
        let mut talk = conversation("/say 12345678");
        (talk.prompt_bytes, talk.prefix_bytes) = (8_001, 4 * 1_200);
        assert_eq!(
            reply(&talk).usage,
            Usage {
                input: 2_001,
                cached: 1_152,
                output: 2,
                ..Usage::default()
            }
        );
        let told = conversation("/tokens 7 9");
        assert_eq!(
            reply(&told).usage,
            Usage {
                input: 7,
                output: 9,
                ..Usage::default()
            }
        );
    }
}
