//! A SQLite database that somebody writes to, copied as of one moment.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// What every SQLite database begins with (<https://www.sqlite.org/fileformat2.html>).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long to wait for somebody who keeps the whole database locked.
const BUSY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotCopied {
    /// It looks like a database and is none that SQLite can read.
    #[error("SQLite cannot read it: {0}")]
    Unreadable(rusqlite::Error),
    /// Somebody keeps it locked.
    #[error("somebody keeps it locked")]
    Locked,
    /// There is no room for the copy, or no way to it.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Copies a database, page by page, as of one moment. Equal contents give equal
/// copies, byte for byte, and a change touches the pages it is in.
pub(super) fn copy(source: &Path, target: &Path) -> Result<(), NotCopied> {
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let from = open(source, BUSY).map_err(sort)?;
    let mut to = Connection::open(target).map_err(|error| io::Error::other(error.to_string()))?;
    // A copy that a crash cuts off is thrown away.
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        .map_err(|error| io::Error::other(error.to_string()))?;
    let backup = Backup::new(&from, &mut to).map_err(sort)?;
    let deadline = Instant::now() + BUSY;
    loop {
        // All pages in one step: writers go on in WAL mode, and the copy need not begin
        // again whenever one of them has written.
        match backup.step(-1).map_err(sort)? {
            StepResult::Done => return Ok(()),
            _ if Instant::now() >= deadline => return Err(NotCopied::Locked),
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// Opens a database of OpenClaw's that is there, and waits so long for somebody who
/// keeps it locked. Not read-only: a journal that a crash left behind is rolled back as
/// by OpenClaw.
pub(crate) fn open(database: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let database = Connection::open_with_flags(database, flags)?;
    database.busy_timeout(busy)?;
    Ok(database)
}

fn sort(error: rusqlite::Error) -> NotCopied {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NotCopied::Locked,
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            NotCopied::Io(io::Error::other(error.to_string()))
        }
        _ => NotCopied::Unreadable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAGIC, NotCopied, copy};
    use rusqlite::Connection;
    use std::fs;

    fn open(path: &std::path::Path) -> Connection {
        let database = Connection::open(path).unwrap();
        database
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB);",
            )
            .unwrap();
        database
    }

    #[test]
    fn what_is_only_in_the_journal_is_copied_and_equal_contents_give_equal_copies() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let source = open(&at("live"));
        for number in 0..500 {
            source
                .execute("INSERT INTO t (body) VALUES (zeroblob(?1))", [number])
                .unwrap();
        }
        assert!(fs::metadata(at("live-wal")).unwrap().len() > 0);
        copy(&at("live"), &at("one")).unwrap();
        copy(&at("live"), &at("two")).unwrap();
        let one = fs::read(at("one")).unwrap();
        assert!(one.starts_with(MAGIC) && one == fs::read(at("two")).unwrap());
        let copied = Connection::open(at("one")).unwrap();
        let count: i64 = copied
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 500);
        // One changed row changes few pages.
        source
            .execute("UPDATE t SET body = x'01' WHERE id = 300", [])
            .unwrap();
        copy(&at("live"), &at("three")).unwrap();
        let three = fs::read(at("three")).unwrap();
        let changed = one
            .chunks(4096)
            .zip(three.chunks(4096))
            .filter(|(a, b)| a != b)
            .count();
        assert!((1..=3).contains(&changed), "{changed}");
    }

    #[test]
    fn what_only_begins_like_a_database_is_told_from_a_locked_one() {
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("fake");
        fs::write(&fake, [MAGIC.as_slice(), &[7; 4096]].concat()).unwrap();
        let copied = copy(&fake, &folder.path().join("copy"));
        assert!(
            matches!(copied, Err(NotCopied::Unreadable(_))),
            "{copied:?}"
        );
    }
}
