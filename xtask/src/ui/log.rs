//! Reading the end of a log file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a log's end is read to find its last lines, in bytes.
const TAIL_BYTES: u64 = 16 * 1024;

/// The last lines of a file; none when it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> Vec<String> {
    let text = end_of(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    let skipped = all.len().saturating_sub(lines);
    all.into_iter().skip(skipped).map(clean).collect()
}

/// The last line with something in it.
pub(super) fn last_line(path: &Path) -> Option<String> {
    let text = end_of(path).ok()?;
    text.lines().rev().map(clean).find(|line| !line.is_empty())
}

fn end_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Without terminal control sequences and what a progress bar overwrote.
fn clean(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for follower in characters.by_ref() {
                if follower.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if !character.is_control() || character == '\t' {
            text.push(character);
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_sequences_and_overwritten_text_are_left_out() {
        assert_eq!(
            clean("\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m worker\r"),
            "   Compiling worker"
        );
        assert_eq!(clean("10%\r55%\r100% done"), "100% done");
    }
}
