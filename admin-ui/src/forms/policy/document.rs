//! The policy as a text that is edited whole: where each clause stands in it.

use domain::policy::parse_value;
use domain::problem::FieldError;
use serde_json::Value;

use super::draft::{PolicyDraft, document_pointer};

/// Deepest nesting that is followed; a policy's is far less.
const MAX_DEPTH: usize = 32;

/// A clause, from its key to the end of its value, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// Where its key begins.
    pub(crate) start: usize,
    /// Where its value ends.
    pub(crate) end: usize,
}

/// A draft as a person edits it: without what only repeats a default.
pub(crate) fn pretty(draft: &PolicyDraft) -> String {
    let document = draft.to_document();
    // A draft that is no policy yet is shown as it is.
    let value = match parse_value(document.clone()) {
        Ok(policy) => serde_json::to_value(policy).unwrap_or(document),
        Err(_) => document,
    };
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// Every clause of a text, outer ones first; of a text that is no JSON (yet), as far
/// as it can be made out.
pub(crate) fn spans(text: &str) -> Vec<Span> {
    let mut scanner = Scanner {
        text,
        at: 0,
        spans: Vec::new(),
    };
    scanner.value("", 0);
    scanner.spans
}

/// The innermost clause around a place; empty for the whole document.
pub(crate) fn pointer_at(spans: &[Span], offset: usize) -> &str {
    let around = spans
        .iter()
        .filter(|span| span.start <= offset && offset <= span.end);
    // Of two that touch, the later one has just begun.
    around
        .max_by_key(|span| (span.pointer.matches('/').count(), span.start))
        .map_or("", |span| span.pointer.as_str())
}

/// The line, counted from 1, that a fault is about.
pub(crate) fn line_of(text: &str, spans: &[Span], fault: &FieldError) -> usize {
    let mut pointer = document_pointer(&fault.pointer);
    loop {
        if let Some(span) = spans.iter().find(|span| span.pointer == pointer) {
            return line_at(text, span.start);
        }
        match pointer.rsplit_once('/') {
            Some((parent, _)) => pointer = parent,
            None => return said_line(&fault.detail).unwrap_or(1),
        }
    }
}

/// Where a line begins, in bytes.
pub(crate) fn line_start(text: &str, line: usize) -> usize {
    let mut ends = text.match_indices('\n').map(|(at, _)| at + 1);
    match line.checked_sub(2) {
        None => 0,
        Some(before) => ends.nth(before).unwrap_or(text.len()),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// The line that the reader of JSON names: `… at line 3 column 7`.
fn said_line(detail: &str) -> Option<usize> {
    let (_, rest) = detail.rsplit_once(" at line ")?;
    rest.split(' ').next()?.parse().ok()
}

/// A place counted in UTF-16, as browsers do, in bytes.
pub(crate) fn byte_offset(text: &str, utf16: usize) -> usize {
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= utf16 {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}

/// The other way round.
pub(crate) fn utf16_offset(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).encode_utf16().count()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    spans: Vec<Span>,
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, pointer: &str, depth: usize) {
        match self.peek() {
            Some(b'{') if depth < MAX_DEPTH => self.object(pointer, depth),
            Some(b'[') if depth < MAX_DEPTH => self.array(pointer, depth),
            Some(b'"') => drop(self.string()),
            _ => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let word = |b: &&u8| !b.is_ascii_whitespace() && !b",]}{[\"".contains(b);
                self.at += rest.iter().take_while(word).count();
            }
        }
    }

    fn object(&mut self, pointer: &str, depth: usize) {
        self.at += 1;
        loop {
            match self.peek() {
                None | Some(b']') => return,
                Some(b'}') => {
                    self.at += 1;
                    return;
                }
                Some(b'"') => {
                    let start = self.at;
                    let key = self.string();
                    if self.peek() == Some(b':') {
                        self.at += 1;
                    }
                    let key = key.replace('~', "~0").replace('/', "~1");
                    self.clause(&format!("{pointer}/{key}"), start, depth);
                }
                Some(_) => self.skip(),
            }
        }
    }

    fn array(&mut self, pointer: &str, depth: usize) {
        self.at += 1;
        let mut index = 0;
        loop {
            match self.peek() {
                None | Some(b'}') => return,
                Some(b']') => {
                    self.at += 1;
                    return;
                }
                Some(b',') => {
                    self.at += 1;
                    index += 1;
                }
                Some(_) => {
                    let start = self.at;
                    self.clause(&format!("{pointer}/{index}"), start, depth);
                    if self.at == start {
                        self.skip();
                    }
                }
            }
        }
    }

    fn clause(&mut self, pointer: &str, start: usize, depth: usize) {
        let mine = self.spans.len();
        self.spans.push(Span {
            pointer: pointer.to_owned(),
            start,
            end: start,
        });
        self.value(pointer, depth + 1);
        if let Some(span) = self.spans.get_mut(mine) {
            span.end = self.at;
        }
    }

    /// A string, as it reads; one without an end ends with its line.
    fn string(&mut self) -> String {
        let from = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' | b'\n' => break,
                b'\\' => self.skip(),
                _ => {}
            }
        }
        let raw = self.text.get(from..self.at).unwrap_or_default();
        serde_json::from_str(raw).unwrap_or_else(|_| raw.trim_matches('"').to_owned())
    }

    /// Steps over one character, whatever it is.
    fn skip(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.chars().next().map_or(1, char::len_utf8);
    }
}

/// A value as it is shown beside its pointer.
pub(crate) fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{byte_offset, line_of, line_start, pointer_at, pretty, spans, utf16_offset};
    use crate::forms::policy::draft::PolicyDraft;
    use domain::policy::{PRESETS, parse, parse_value};
    use domain::problem::FieldError;

    const TEXT: &str = "{\n  \"tools\": {\n    \"deny\": [\"exec\", \"web_*\"],\n    \"a/b\": 1\n  },\n  \"schema\": 1\n}";

    #[test]
    fn every_clause_is_found_where_it_stands() {
        let spans = spans(TEXT);
        let found: Vec<_> = spans.iter().map(|s| s.pointer.as_str()).collect();
        assert_eq!(
            found,
            [
                "/tools",
                "/tools/deny",
                "/tools/deny/0",
                "/tools/deny/1",
                "/tools/a~1b",
                "/schema"
            ]
        );
        for (needle, pointer) in [
            ("deny", "/tools/deny"),
            ("web", "/tools/deny/1"),
            ("a/b", "/tools/a~1b"),
            ("schema", "/schema"),
        ] {
            let at = TEXT.find(needle).expect("there");
            assert_eq!(pointer_at(&spans, at), pointer, "{needle}");
        }
        assert_eq!(pointer_at(&spans, 0), "");
    }

    #[test]
    fn faults_lead_to_their_line_or_to_that_of_the_nearest_clause() {
        let spans = spans(TEXT);
        let line =
            |pointer: &str, detail: &str| line_of(TEXT, &spans, &FieldError::new(pointer, detail));
        assert_eq!(line("/tools/deny/1", ""), 3);
        assert_eq!(line("/document/tools/a~1b", ""), 4);
        assert_eq!(line("/tools/missing/0", ""), 2);
        assert_eq!(line("", "expected `,` at line 5 column 2"), 5);
        assert_eq!(line("/access", ""), 1);
        assert_eq!(line_start(TEXT, 1), 0);
        assert!(TEXT[line_start(TEXT, 3)..].starts_with("    \"deny\""));
    }

    #[test]
    fn a_text_that_is_no_json_yet_is_followed_as_far_as_it_goes() {
        for text in [
            "",
            "{",
            "[",
            "{\"a\"",
            "{\"a\":",
            "{\"a\": {",
            "{\"a\": [1, ",
            "{]}",
            "[}]",
            "{\"a\": \"x",
            "é{\"ü\": 1}",
            "{\"a\\",
            "}}}}",
            "{,,\"b\" 1}",
            "\"",
        ] {
            for at in 0..=text.len() {
                let _ = pointer_at(&spans(text), at);
            }
        }
        let open = "{\"tools\": {\"deny\": [";
        assert_eq!(pointer_at(&spans(open), open.len()), "/tools/deny");
        let deep = "[".repeat(10_000);
        assert!(spans(&deep).len() <= super::MAX_DEPTH + deep.len());
    }

    #[test]
    fn places_are_counted_as_browsers_do() {
        let text = "aé😀b";
        for (bytes, units) in [(0, 0), (1, 1), (3, 2), (7, 4), (8, 5)] {
            assert_eq!(utf16_offset(text, bytes), units);
            assert_eq!(byte_offset(text, units), bytes);
        }
    }

    #[test]
    fn a_document_reads_back_as_the_policy_it_shows() {
        for preset in PRESETS {
            let policy = parse_value(preset.document()).expect("valid");
            let text = pretty(&PolicyDraft::from_policy(&policy));
            assert_eq!(parse(&text), Ok(policy));
        }
    }
}
