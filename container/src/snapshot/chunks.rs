//! Files as chunks: a small file is one, a database is cut at its pages, and any other
//! large file where its content says, so that a change moves few boundaries.

use std::io::{self, Read};

use fastcdc::v2020::{Error as CutError, StreamCDC};

/// Chunks of a large file, in bytes. Few enough to name them all, small enough that a
/// change of a line does not send much.
const SMALLEST: u32 = 256 * 1024;
const AVERAGE: u32 = 1024 * 1024;
const LARGEST: u32 = 4 * 1024 * 1024;
/// Chunks of a database, in bytes: a multiple of every page size of SQLite's (512 to
/// 65,536). Pages change in place, so boundaries need not follow content.
const PAGES: usize = 128 * 1024;

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Where its content says.
    Content,
    /// At multiples of a size.
    Pages,
}

/// Hands over what a source holds, chunk by chunk; never an empty one.
pub(super) fn cut<E: From<io::Error>>(
    mut source: impl Read,
    size: u64,
    cut: Cut,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    match cut {
        Cut::Content if size <= u64::from(SMALLEST) => {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            // A file that grows while it is read is found out afterwards.
            source.take(size).read_to_end(&mut bytes)?;
            if bytes.is_empty() {
                return Ok(());
            }
            take(&bytes)
        }
        Cut::Content => {
            let source = source.take(size);
            for chunk in StreamCDC::new(source, SMALLEST, AVERAGE, LARGEST) {
                take(&chunk.map_err(failed)?.data)?;
            }
            Ok(())
        }
        Cut::Pages => {
            let mut bytes = Vec::with_capacity(PAGES);
            loop {
                bytes.clear();
                source.by_ref().take(PAGES as u64).read_to_end(&mut bytes)?;
                if bytes.is_empty() {
                    return Ok(());
                }
                take(&bytes)?;
            }
        }
    }
}

fn failed(error: CutError) -> io::Error {
    match error {
        CutError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, LARGEST, PAGES, cut};
    use std::collections::HashSet;
    use std::io;

    fn chunks(bytes: &[u8], how: Cut) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        cut::<io::Error>(bytes, bytes.len() as u64, how, |chunk| {
            found.push(chunk.to_vec());
            Ok(())
        })
        .unwrap();
        found
    }

    /// Bytes without a pattern, the same ones every time.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_u64;
        let step = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(step).take(length).collect()
    }

    #[test]
    fn chunks_make_the_file_again() {
        for length in [0, 1, 256 * 1024, 256 * 1024 + 1, 9_000_000] {
            let bytes = noise(length);
            for how in [Cut::Content, Cut::Pages] {
                let found = chunks(&bytes, how);
                assert_eq!(found.concat(), bytes);
                assert!(found.iter().all(|chunk| !chunk.is_empty()));
                assert!(found.iter().all(|chunk| chunk.len() <= LARGEST as usize));
            }
        }
    }

    #[test]
    fn a_byte_in_front_moves_few_boundaries_and_a_changed_page_changes_one_chunk() {
        let bytes = noise(20_000_000);
        let before: HashSet<Vec<u8>> = chunks(&bytes, Cut::Content).into_iter().collect();
        let longer = [&[1], bytes.as_slice()].concat();
        let after = chunks(&longer, Cut::Content);
        let new = after
            .iter()
            .filter(|chunk| !before.contains(*chunk))
            .count();
        assert!(after.len() > 8 && new <= 3, "{new} of {}", after.len());

        let mut changed = bytes.clone();
        changed[10 * PAGES + 5] ^= 1;
        let (before, after) = (chunks(&bytes, Cut::Pages), chunks(&changed, Cut::Pages));
        assert_eq!(before.iter().zip(&after).filter(|(a, b)| a != b).count(), 1);
    }
}
