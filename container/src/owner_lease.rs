//! The claim on its state that an OpenClaw of an earlier container could not give back.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::log;
use crate::privileges::Separation;
use crate::snapshot::open_database;

/// OpenClaw's database, below its state directory.
const DATABASE: &str = "state/openclaw.sqlite";
/// How long to wait for somebody who writes to it.
const BUSY: Duration = Duration::from_secs(2);
/// Claims of one running process. OpenClaw takes over those whose process is gone if
/// their host name is its own; a new container has another one, so they would keep it
/// from starting until they expire, five minutes after the end
/// (`src/infra/gateway-owner-lease.ts`, `src/state/openclaw-state-lease-store.ts`, 2026.9).
const RELEASE: &str =
    "DELETE FROM state_leases WHERE scope IN ('gateway-owner', 'startup-migrations')";

/// Takes away what an OpenClaw that was killed, or a snapshot of one that ran, left.
/// Failing is no reason not to start: OpenClaw then waits for the claim to expire.
///
// INVARIANT: called before the first start in this container, so no OpenClaw runs on this
// state here; another container cannot, because tedix-init holds the Worker's lease.
pub(crate) fn release(state: &Path, owner: Separation) {
    let database = state.join(DATABASE);
    if !database.is_file() {
        return;
    }
    let removed = std::thread::spawn(move || -> Result<usize, String> {
        // As OpenClaw's user: SQLite's journal must be its own, and links lead nowhere.
        owner.enter().map_err(|error| error.to_string())?;
        remove(&database).map_err(|error| error.to_string())
    });
    match removed.join() {
        Ok(Ok(0)) => {}
        Ok(Ok(_)) => log::line("an earlier OpenClaw's claim on its state is taken away"),
        Ok(Err(error)) => log::line(&format!("OpenClaw's claims cannot be read: {error}")),
        Err(_) => log::line("OpenClaw's claims cannot be read"),
    }
}

fn remove(database: &Path) -> rusqlite::Result<usize> {
    match open_database(database, BUSY)?.execute(RELEASE, []) {
        // A version that knows no leases holds none.
        Err(error) if is_missing_table(&error) => Ok(0),
        done => done,
    }
}

fn is_missing_table(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::Unknown)
        && error.to_string().contains("no such table")
}

#[cfg(test)]
mod tests {
    use super::{DATABASE, release};
    use crate::privileges::Separation;
    use rusqlite::Connection;
    use std::fs;

    fn scopes(database: &Connection) -> Vec<String> {
        let mut rows = database
            .prepare("SELECT scope FROM state_leases ORDER BY scope")
            .unwrap();
        let scopes = rows.query_map([], |row| row.get(0)).unwrap();
        scopes.map(Result::unwrap).collect()
    }

    #[test]
    fn claims_of_a_process_go_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        // Nothing there, and a database without leases: nothing to do.
        release(folder.path(), Separation::None);
        assert!(!folder.path().join(DATABASE).exists());
        let database = Connection::open(folder.path().join(DATABASE)).unwrap();
        database.execute_batch("CREATE TABLE other (id);").unwrap();
        release(folder.path(), Separation::None);

        database
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE state_leases (scope TEXT, lease_key TEXT, owner TEXT);
                 INSERT INTO state_leases VALUES
                   ('gateway-owner', 'global', 'a'), ('startup-migrations', 'global', 'b'),
                   ('an-agent-s-run', 'main', 'c');",
            )
            .unwrap();
        release(folder.path(), Separation::None);
        assert_eq!(scopes(&database), ["an-agent-s-run"]);
    }
}
