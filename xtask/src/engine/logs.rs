//! What a container writes to its standard output and error, kept in a file.

use std::fs::{self, File};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Size at which a log is put aside and a new one begun, in bytes. One old
/// file is kept, so a container's logs take twice this at most.
const MAX_SIZE: u64 = 10_000_000;

/// A file that does not grow for ever.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
}

impl Log {
    /// Goes on at the end of the file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::with_limit(path, MAX_SIZE)
    }

    fn with_limit(path: &Path, max_size: u64) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            size: file.metadata()?.len(),
            file,
            max_size,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.size >= self.max_size {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            fs::rename(&self.path, old)?;
            self.file = File::options().create(true).append(true).open(&self.path)?;
            self.size = 0;
        }
        self.file.write_all(bytes)?;
        self.size = self
            .size
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Copies until the container has closed its end.
    pub(crate) async fn copy_from(mut self, mut output: Receiver) {
        let mut buffer = vec![0; 16 * 1024];
        let mut failed = false;
        while let Ok(length @ 1..) = output.read(&mut buffer).await {
            // Even when the disk is full the container must not block.
            let bytes = buffer.get(..length).unwrap_or_default();
            if let (Err(error), false) = (self.write(bytes), failed) {
                eprintln!("engine: {}: {error}", self.path.display());
                failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn a_full_log_is_put_aside_and_replaced() {
        let folder = std::env::temp_dir().join(format!("engine-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.log");
        let mut log = Log::with_limit(&path, 10).unwrap();
        for line in ["0123456789", "second", "third"] {
            log.write(line.as_bytes()).unwrap();
        }
        drop(log);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secondthird");
        let old = std::fs::read_to_string(folder.join("a.log.1")).unwrap();
        assert_eq!(old, "0123456789");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
