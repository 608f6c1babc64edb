//! Directives: what a user message tells the stand-in to do.
//!
//! | directive | what the stand-in does |
//! |---|---|
//! | `/tool NAME {JSON}` | calls the tool, then answers with a text that quotes its result; several make several calls in one answer |
//! | `/say TEXT` | answers TEXT, up to the end of the line |
//! | `/fail STATUS` | answers with that HTTP status and the provider's error shape; with `once` behind it, not when the same is asked again |
//! | `/slow MS` (or `200ms`) | waits that long before each piece of a stream |
//! | `/tokens INPUT OUTPUT` | reports these token counts; three more may follow: how much of the input was read from a cache and written to one, how much of the output only reasoned |
//! | `/cut` | breaks a stream off before its end, without usage |
//!
//! OpenClaw has commands of its own that start with a slash (`/usage`, `/exec` …) and
//! never shows them to the model, so no directive may be called like one of them.
//!
//! A directive stands at the start of the message or after white space. What is
//! not a directive is left alone; a directive that cannot be read is answered
//! with a text that says why.

use serde_json::Value;

/// Token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input, cached tokens included.
    pub input: u64,
    /// Part of the input read from the cache.
    pub cached: u64,
    /// Part of the input written to the cache; only Anthropic's protocol says it.
    pub written: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Part of the output that only reasoned; only OpenAI's protocols say it.
    pub reasoning: u64,
}

/// A tool call to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Name of the tool.
    pub name: String,
    /// Its arguments: a JSON object.
    pub arguments: Value,
}

/// What a message asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// Tools to call, in order.
    pub tools: Vec<ToolCall>,
    /// Text to answer.
    pub say: Option<String>,
    /// HTTP status to fail with: 400 to 599.
    pub fail: Option<u16>,
    /// Whether to fail only until the same is asked again.
    pub fail_once: bool,
    /// Milliseconds before each piece of a stream, at most 10,000.
    pub slow_ms: u64,
    /// Tokens to report.
    pub usage: Option<Usage>,
    /// Whether to break the stream off.
    pub cut: bool,
    /// A directive that could not be read, in words for the answer.
    pub mistake: Option<String>,
}

/// Longest pause between two pieces, in milliseconds.
const MAX_SLOW_MS: u64 = 10_000;

impl Script {
    /// Reads the directives in a message.
    #[must_use]
    pub fn read(message: &str) -> Self {
        let mut script = Self::default();
        let mut rest = message;
        while let Some((word, after)) = next_directive(rest) {
            rest = script.take(word, after);
        }
        script
    }

    /// Takes one directive in; returns where to read on.
    fn take<'a>(&mut self, word: &str, after: &'a str) -> &'a str {
        let (line, next) = after.split_once('\n').unwrap_or((after, ""));
        let first = line.split_whitespace().next().unwrap_or_default();
        match word {
            "tool" => return self.take_tool(after),
            "say" => {
                self.say = Some(line.trim().to_owned());
                return next;
            }
            "fail" => match first.parse() {
                Ok(status @ 400..=599) => {
                    self.fail = Some(status);
                    self.fail_once = line.split_whitespace().nth(1) == Some("once");
                }
                _ => self.wrong("/fail takes a status from 400 to 599, as in /fail 503"),
            },
            "slow" => match first.trim_end_matches("ms").parse() {
                Ok(pause @ 0..=MAX_SLOW_MS) => self.slow_ms = pause,
                _ => self.wrong("/slow takes milliseconds up to 10000, as in /slow 200ms"),
            },
            "tokens" => match counts(line) {
                Some(usage) => self.usage = Some(usage),
                None => self.wrong(
                    "/tokens takes two counts, as in /tokens 1000 50, or five, of which the \
                         third and fourth are parts of the first and the last is one of the second",
                ),
            },
            _ => self.cut = true,
        }
        after
    }

    fn take_tool<'a>(&mut self, after: &'a str) -> &'a str {
        let after = after.trim_start();
        let name = after
            .split(|c: char| c.is_whitespace() || c == '{')
            .next()
            .unwrap_or_default();
        let tail = after.strip_prefix(name).unwrap_or(after);
        let mut values = serde_json::Deserializer::from_str(tail).into_iter::<Value>();
        match values.next() {
            Some(Ok(arguments @ Value::Object(_))) if !name.is_empty() => {
                let end = values.byte_offset();
                self.tools.push(ToolCall {
                    name: name.to_owned(),
                    arguments,
                });
                tail.get(end..).unwrap_or_default()
            }
            _ => {
                self.wrong(
                    "/tool takes a name and a JSON object, as in /tool exec {\"command\":\"echo hi\"}",
                );
                tail
            }
        }
    }

    fn wrong(&mut self, why: &str) {
        self.mistake.get_or_insert_with(|| why.to_owned());
    }
}

/// What `/tokens` is followed by: numbers up to the first word that is none.
fn counts(line: &str) -> Option<Usage> {
    let numbers = line.split_whitespace().map_while(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.take(5).collect();
    let (&[input, output], more) = numbers.split_first_chunk()?;
    let mut more = more.iter().copied();
    let mut next = || more.next().unwrap_or_default();
    let (cached, written, reasoning) = (next(), next(), next());
    let fits = cached.checked_add(written)? <= input && reasoning <= output;
    fits.then_some(Usage {
        input,
        cached,
        written,
        output,
        reasoning,
    })
}

/// The next directive's word and what follows it.
fn next_directive(text: &str) -> Option<(&'static str, &str)> {
    const WORDS: [&str; 6] = ["tool", "say", "fail", "slow", "tokens", "cut"];
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find('/') {
        let at = from + found;
        from = at + 1;
        let starts = text
            .get(..at)?
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace);
        let tail = text.get(from..)?;
        let word = WORDS.into_iter().find(|word| {
            tail.strip_prefix(word)
                .is_some_and(|after| after.chars().next().is_none_or(char::is_whitespace))
        });
        if let (true, Some(word)) = (starts, word) {
            return Some((word, tail.strip_prefix(word)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_message_asks_for_nothing() {
        for message in [
            "hello",
            "see /etc/tool",
            "a/say b",
            "/tools list",
            "/",
            "",
            "ä/tööl",
        ] {
            assert_eq!(Script::read(message), Script::default(), "{message}");
        }
    }

    #[test]
    fn a_tool_call_is_found_within_what_openclaw_adds() {
        let message = "[Sun 2026-11-22 08:35 UTC] /tool exec {\"command\": \"echo }{ hi\",\n\
                       \"env\": {\"A\": \"1\"}}\n\nRuntime: agent=main | session=x";
        let script = Script::read(message);
        let arguments = json!({"command": "echo }{ hi", "env": {"A": "1"}});
        assert_eq!(
            script.tools,
            [ToolCall {
                name: "exec".into(),
                arguments
            }]
        );
        assert_eq!(script.mistake, None);
    }

    #[test]
    fn directives_combine() {
        let script = Script::read(
            "/slow 20ms /tool a {} /tool b{\"x\":1}\n/tokens 10 5\n/cut\n/say bye /now \nmore",
        );
        assert_eq!(script.slow_ms, 20);
        let names: Vec<_> = script.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let (input, output) = (10, 5);
        let counted = Usage {
            input,
            output,
            ..Usage::default()
        };
        assert_eq!(script.usage, Some(counted));
        assert!(script.cut);
        assert_eq!(script.say.as_deref(), Some("bye /now"));
    }

    #[test]
    fn tokens_by_kind_end_with_the_first_word() {
        let counted = Script::read("/tokens 100 20 60 30 8 and /say bye");
        let all = Usage {
            input: 100,
            cached: 60,
            written: 30,
            output: 20,
            reasoning: 8,
        };
        assert_eq!((counted.usage, counted.mistake), (Some(all), None));
        assert_eq!(counted.say.as_deref(), Some("bye"));
    }

    #[test]
    fn a_directive_that_cannot_be_read_says_why() {
        for bad in [
            "/tool exec",
            "/tool {}",
            "/tool exec [1]",
            "/fail 200",
            "/slow x",
            "/tokens 1",
            "/tokens 10 5 8 3",
            "/tokens 10 5 0 0 6",
        ] {
            assert!(Script::read(bad).mistake.is_some(), "{bad}");
        }
    }
}
