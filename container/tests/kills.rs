//! kill -9 at random moments while sessions and a database are being written: every
//! restore verifies and opens, and holds at least what the last finished snapshot began
//! with.

#![expect(
    clippy::unwrap_used,
    reason = "a lab that cannot be set up fails the test"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

const ROUNDS: u32 = 50;
/// Where the child that writes finds its place.
const PLACE: &str = "TEDIX_TEST_PLACE";
/// Longest that a round may go on before everything is killed.
const LONGEST_MS: u64 = 350;

/// The child: writes rows and lines, numbered without gaps, until it is killed.
#[test]
#[ignore = "started by the other test"]
fn write_until_killed() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    let data = Path::new(&place).join("data/openclaw");
    fs::create_dir_all(data.join("state")).unwrap();
    fs::create_dir_all(data.join("workspace")).unwrap();
    let mut database = Connection::open(data.join("state/openclaw.sqlite")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY, body BLOB);
        CREATE TABLE IF NOT EXISTS copies (id INTEGER PRIMARY KEY, body BLOB);";
    database.execute_batch(set_up).unwrap();
    let lines = data.join("workspace/session.jsonl");
    let mut session = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(lines)
        .unwrap();
    loop {
        let write = database.transaction().unwrap();
        write
            .execute("INSERT INTO turns (body) VALUES (randomblob(700))", [])
            .unwrap();
        let id = write.last_insert_rowid();
        write
            .execute(
                "INSERT INTO copies SELECT id, body FROM turns WHERE id = ?1",
                [id],
            )
            .unwrap();
        write.commit().unwrap();
        writeln!(session, "{{\"turn\":{id}}}").unwrap();
        // Files come, change and go, too.
        let file = data.join(format!("workspace/{}", id % 20));
        if id % 7 == 0 {
            let _ = fs::remove_file(&file);
        } else {
            fs::write(&file, vec![u8::try_from(id % 251).unwrap(); 3000]).unwrap();
        }
    }
}

fn spawn_writer(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "write_until_killed"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn state(place: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tedix-init"));
    command.current_dir(place).arg("state").args(words);
    command.stderr(Stdio::null());
    command
}

fn turns(database: &Path) -> i64 {
    let database = Connection::open(database).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    let count = database.query_row("SELECT max(id) FROM turns", [], |row| {
        row.get::<_, Option<i64>>(0)
    });
    count.ok().flatten().unwrap_or_default()
}

/// What was restored opens, and is of one moment; how many turns it holds.
fn check(data: &Path) -> i64 {
    let open = Connection::open(data.join("openclaw/state/openclaw.sqlite")).unwrap();
    let sound: String = open
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let same = "SELECT (SELECT count(*) FROM turns), (SELECT count(*) FROM copies),
                       (SELECT coalesce(max(id), 0) FROM turns)";
    let (turns, copies, last): (i64, i64, i64) = open
        .query_row(same, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(
        (turns, turns),
        (copies, last),
        "rows without gaps, in both tables"
    );
    let session =
        fs::read_to_string(data.join("openclaw/workspace/session.jsonl")).unwrap_or_default();
    let whole = session.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines() {
        assert!(
            line.starts_with("{\"turn\":") && line.ends_with('}'),
            "{line}"
        );
    }
    turns
}

#[test]
fn every_restore_after_a_kill_verifies_and_opens() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let database = place.join("data/openclaw/state/openclaw.sqlite");
    let seed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = u64::from(seed) | 1;
    let mut promised = 0;
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let mut writer = spawn_writer(place);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let until = Instant::now() + Duration::from_millis(20 + random % LONGEST_MS);
        // One snapshot after the other, as long as the round goes on.
        loop {
            let before = if database.exists() {
                turns(&database)
            } else {
                0
            };
            let mut taker = state(place, &["take", "data", "store"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let ended = loop {
                if let Some(status) = taker.try_wait().unwrap() {
                    break Some(status);
                }
                if Instant::now() >= until {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            match ended {
                Some(status) => {
                    assert!(status.success(), "round {round}: {status}");
                    promised = before;
                }
                None => {
                    taker.kill().unwrap();
                    taker.wait().unwrap();
                    cut_off += 1;
                }
            }
            if Instant::now() >= until {
                break;
            }
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What is still being written has another name.
        let any = fs::read_dir(place.join("store/generations"))
            .is_ok_and(|mut all| all.any(|found| found.unwrap().path().extension().is_none()));
        if !any {
            assert_eq!(promised, 0);
            continue;
        }
        // The disk is gone with the container.
        fs::rename(place.join("data"), place.join("lost")).unwrap();
        let restored = state(place, &["restore", "data", "store"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&restored.stdout).into_owned();
        assert!(
            restored.status.success() && !said.contains("damaged"),
            "round {round}: {said}"
        );
        let found = check(&place.join("data"));
        assert!(found >= promised, "round {round}: {found} of {promised}");
        fs::remove_dir_all(place.join("lost")).unwrap();
    }
    assert!(
        cut_off >= ROUNDS / 4,
        "only {cut_off} snapshots were cut off"
    );
    assert!(promised > 0, "no snapshot was finished");
}
