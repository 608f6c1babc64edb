//! Server-sent events, as far as metering needs them: the `data` of each event.
//!
//! Lines end with LF, CR LF or CR (WHATWG HTML §9.2.6); an event may be cut
//! anywhere; one that is too large is passed over, not kept.

/// Most bytes of one event, or of a whole JSON answer, that are kept to be read.
pub(super) const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// Reads `data` fields out of chunks.
#[derive(Debug, Default)]
pub(super) struct SseReader {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The event in progress passed [`MAX_EVENT_BYTES`].
    oversized: bool,
    after_cr: bool,
}

impl SseReader {
    /// Reads a chunk and calls `on_data` with the data of each finished event.
    pub(super) fn push(&mut self, chunk: &[u8], mut on_data: impl FnMut(&[u8])) {
        for &byte in chunk {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => self.end_line(&mut on_data),
                _ if self.line.len() + self.data.len() < MAX_EVENT_BYTES => self.line.push(byte),
                _ => self.oversized = true,
            }
        }
    }

    fn end_line(&mut self, on_data: &mut impl FnMut(&[u8])) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            if !self.oversized && !self.data.is_empty() {
                on_data(&self.data);
            }
            self.data.clear();
            self.oversized = false;
        } else if let Some(rest) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data
                .extend_from_slice(rest.strip_prefix(b" ").unwrap_or(rest));
        }
        // The line's buffer is used again.
        self.line = line;
        self.line.clear();
    }
}
