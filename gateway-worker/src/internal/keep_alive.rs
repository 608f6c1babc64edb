//! Words into the silence of a stream of events. Whether a client is still there shows only
//! when something is sent to it, so a provider that says nothing for long would be read to
//! the end for nobody.

/// A comment: programs that read server-sent events ignore it, by the standard.
const COMMENT: &[u8] = b": keep-alive\n\n";

/// Hears the silence between the events of a stream.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    /// The last bytes that came, newest last.
    last: [u8; 4],
    began: bool,
    /// Whether anything came since it was last asked.
    heard: bool,
}

impl KeepAlive {
    /// Something came.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.heard = true;
        let unseen = chunk.len().saturating_sub(self.last.len());
        for byte in chunk.iter().skip(unseen) {
            self.last.rotate_left(1);
            if let Some(newest) = self.last.last_mut() {
                *newest = *byte;
            }
            self.began = true;
        }
    }

    /// A comment, where nothing came since this was last asked. Within an event only more of
    /// it can follow.
    pub(super) fn words(&mut self) -> Option<&'static [u8]> {
        let silent = !std::mem::take(&mut self.heard);
        (silent && self.is_between_events()).then_some(COMMENT)
    }

    fn is_between_events(&self) -> bool {
        !self.began || self.last.ends_with(b"\n\n") || self.last == *b"\r\n\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it speaks after each of some chunks, of which an empty one is a while of silence.
    fn spoke(chunks: &[&str]) -> Vec<bool> {
        let mut alive = KeepAlive::default();
        let mut after = |chunk: &&str| {
            if !chunk.is_empty() {
                alive.push(chunk.as_bytes());
            }
            alive.words().is_some()
        };
        chunks.iter().map(&mut after).collect()
    }

    #[test]
    fn a_comment_breaks_the_silence_between_events() {
        assert_eq!(
            spoke(&["", "data: 1\n\n", "", "", "data: 2\r\n\r\n", ""]),
            [true, false, true, true, false, true]
        );
    }

    #[test]
    fn nothing_is_said_within_an_event() {
        for [first, rest] in [
            ["data: 1", "\n\n"],
            ["data: 1\n", "\n"],
            ["data: 1\r\n\r", "\n"],
        ] {
            assert_eq!(
                spoke(&[first, "", "", rest, ""]),
                [false, false, false, false, true]
            );
        }
    }

    #[test]
    fn a_stream_that_speaks_is_not_interrupted() {
        let chunks = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"];
        assert_eq!(spoke(&chunks), [false; 3]);
    }
}
