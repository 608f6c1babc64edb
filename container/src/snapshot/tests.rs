//! Snapshots and restores against a folder: what comes back is what was there, and
//! whatever is wrong with a store is found before anything is replaced.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::state::{
    Chunk, Digest, Directory, File, Index, Link, Manifest, ObjectRef, Pack, SCHEMA, SnapshotReason,
    Totals,
};
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};
use rusqlite::Connection;

use super::folder::Folder;
use super::known::Known;
use super::restore::{NotRestored, restore, verify};
use super::store::{Store, StoreError};
use super::take::{NotTaken, Source, Taken, take};
use crate::privileges::Separation;

const LINE: &str = "line";

/// A data directory and a store.
struct Scene {
    folder: tempfile::TempDir,
    store: Folder,
    known: Option<Known>,
    generation: u64,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(&folder.path().join("store")).unwrap();
        for made in ["data/openclaw", "data/home", "scratch"] {
            fs::create_dir_all(folder.path().join(made)).unwrap();
        }
        Self {
            folder,
            store,
            known: None,
            generation: 0,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.data().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn source(&self) -> Source {
        Source {
            data: self.data(),
            scratch: self.folder.path().join("scratch"),
        }
    }

    fn take(&mut self) -> Option<Manifest> {
        let store = self.store.clone();
        self.take_into(&store).unwrap()
    }

    fn take_into(&mut self, store: &dyn Store) -> Result<Option<Manifest>, NotTaken> {
        let template = template(self.generation + 1);
        match take(&self.source(), store, self.known.as_mut(), &template)? {
            Taken::Unchanged => Ok(None),
            Taken::Written {
                manifest, known, ..
            } => {
                self.known = Some(*known);
                self.generation = manifest.generation;
                Ok(Some(*manifest))
            }
        }
    }

    /// The tree of a generation, in a folder of its own.
    fn restored(&self, generation: u64) -> Result<PathBuf, NotRestored> {
        let data = self.folder.path().join("restored");
        let _ = fs::remove_dir_all(&data);
        restore(&self.store, &data, LINE, generation, Separation::None)?;
        Ok(data)
    }

    fn damage(&self, generation: u64) -> String {
        match self.restored(generation) {
            Err(NotRestored::Damaged(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn pack(&self, key: Digest) -> PathBuf {
        self.folder.path().join("store/packs").join(key.to_string())
    }

    fn manifest_file(&self, generation: u64) -> PathBuf {
        self.folder
            .path()
            .join(format!("store/generations/{generation:010}"))
    }

    /// Stores a generation made by hand, after letting it be changed.
    fn forge(&self, index: &Index, raw: Option<&[u8]>) {
        let stored = zstd::bulk::compress(&serde_json::to_vec(index).unwrap(), 3).unwrap();
        self.store.put_object(Digest::of(&stored), &stored).unwrap();
        if let (Some(raw), Some(pack)) = (raw, index.packs.first()) {
            fs::write(self.pack(pack.key), raw).unwrap();
        }
        let mut manifest = template(1);
        manifest.index = ObjectRef {
            key: Digest::of(&stored),
            bytes: stored.len() as u64,
            raw_bytes: serde_json::to_vec(index).unwrap().len() as u64,
        };
        manifest.packs = index.packs.iter().map(super::object_of).collect();
        manifest.totals.files = index.files.len() as u64;
        manifest.totals.bytes = index.files.iter().map(|file| file.size).sum();
        manifest.totals.stored_bytes =
            manifest.index.bytes + index.packs.iter().map(|pack| pack.bytes).sum::<u64>();
        fs::write(
            self.manifest_file(1),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();
    }
}

fn template(generation: u64) -> Manifest {
    Manifest {
        schema: SCHEMA,
        line: LINE.to_owned(),
        generation,
        parent: generation.checked_sub(1).filter(|parent| *parent > 0),
        created_at: "2026-11-22T17:00:00Z".parse().unwrap(),
        reason: SnapshotReason::Demand,
        order: None,
        tedix_version: "0".to_owned(),
        openclaw_version: None,
        policy_version: None,
        policy_hash: None,
        index: ObjectRef {
            key: Digest([0; 32]),
            bytes: 0,
            raw_bytes: 0,
        },
        packs: Vec::new(),
        totals: Totals::default(),
        cloned_from: None,
    }
}

/// Everything below a folder: kind, mode and content of each path.
fn contents(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.join("openclaw"), root.join("home")];
    while let Some(path) = waiting.pop() {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let Ok(seen) = fs::symlink_metadata(&path) else {
            continue;
        };
        let what = if seen.is_symlink() {
            format!("link {}", fs::read_link(&path).unwrap().display())
        } else if seen.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            format!("folder {:o}", seen.mode() & 0o777)
        } else {
            let hash = Digest::of(&fs::read(&path).unwrap());
            format!("file {:o} {} {hash}", seen.mode() & 0o777, seen.mtime())
        };
        found.insert(name, what);
    }
    found
}

/// Bytes that do not compress, the same ones for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

#[derive(Debug, Clone)]
enum Made {
    Folder(u32),
    Link(u8),
    File { seed: u64, length: usize, mode: u32 },
}

#[test]
fn what_comes_back_is_what_was_there() {
    let name = "[a-zA-Zäß .~-]{1,12}".prop_filter("a name", |name| name != "." && name != "..");
    let path = prop::collection::vec(name, 1..4);
    let length = prop::sample::select(vec![0, 1, 100, 4096, 20_000, 300_000]);
    let made = proptest::prop_oneof![
        1 => (0o700u32..0o777).prop_map(|mode| Made::Folder(mode | 0o700)),
        1 => any::<u8>().prop_map(Made::Link),
        4 => (0u64..20, length, 0u32..0o777).prop_map(|(seed, length, mode)| Made::File {
            seed, length, mode: mode | 0o400
        }),
    ];
    let trees = prop::collection::vec((any::<bool>(), path, made), 0..25);
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&(trees.clone(), trees), |(first, second)| {
        let mut scene = Scene::new();
        make(&scene.data(), &first);
        scene.take().unwrap();
        let before = contents(&scene.data());
        assert_eq!(contents(&scene.restored(1).unwrap()), before);
        // And once more, upon the first.
        make(&scene.data(), &second);
        let newest = if scene.take().is_some() { 2 } else { 1 };
        assert_eq!(
            contents(&scene.restored(newest).unwrap()),
            contents(&scene.data())
        );
        if newest == 2 {
            assert_eq!(
                contents(&scene.restored(1).unwrap()),
                before,
                "the one before stays"
            );
        }
        // A snapshot of what was restored is the same again.
        assert!(scene.take().is_none());
        Ok(())
    });
    outcome.unwrap();
}

fn make(data: &Path, tree: &[(bool, Vec<String>, Made)]) {
    for (home, path, made) in tree {
        // Below a workspace no name is special.
        let root = if *home {
            "home/x"
        } else {
            "openclaw/workspace"
        };
        let path = data.join(root).join(path.join("/"));
        if fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        // What is there already with another kind stays.
        let _ = match made {
            Made::Folder(mode) => fs::create_dir(&path)
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(*mode))),
            Made::Link(up) => symlink(format!("{}x", "../".repeat(usize::from(up % 3))), &path),
            Made::File { seed, length, mode } => {
                let written = !path.is_symlink() && fs::write(&path, noise(*seed, *length)).is_ok();
                if written {
                    fs::set_permissions(&path, Permissions::from_mode(*mode))
                } else {
                    Ok(())
                }
            }
        };
    }
}

#[test]
fn what_is_unchanged_is_not_sent_again() {
    let mut scene = Scene::new();
    for number in 0..200 {
        scene.write(
            &format!("openclaw/workspace/{number}"),
            noise(number, 20_000),
        );
    }
    scene.write("openclaw/workspace/large", noise(1000, 12_000_000));
    let first = scene.take().unwrap();
    assert_eq!(first.totals.files, 201);
    assert!(first.totals.sent_bytes > 15_900_000);
    assert!(scene.take().is_none(), "nothing has changed");
    scene.write("openclaw/workspace/7", "another");
    let second = scene.take().unwrap();
    assert!(
        second.totals.sent_bytes < first.totals.sent_bytes / 100,
        "{:?}",
        second.totals
    );
    // Also where nothing is remembered but what the store has.
    scene.known = Some(super::restore::known(&scene.store, LINE, 2).unwrap());
    scene.write("openclaw/workspace/8", "yet another");
    let third = scene.take().unwrap();
    assert!(
        third.totals.sent_bytes < first.totals.sent_bytes / 100,
        "{:?}",
        third.totals
    );
    assert_eq!(
        contents(&scene.restored(3).unwrap()),
        contents(&scene.data())
    );
}

#[test]
fn packs_that_are_mostly_of_the_past_are_left_behind() {
    let mut scene = Scene::new();
    for number in 0..100 {
        scene.write(
            &format!("openclaw/workspace/{number}"),
            noise(number, 40_000),
        );
    }
    let first = scene.take().unwrap();
    for number in 0..90 {
        fs::remove_file(scene.data().join(format!("openclaw/workspace/{number}"))).unwrap();
    }
    // What is used is known only afterwards.
    scene.take().unwrap();
    scene.write("openclaw/workspace/new", "new");
    let third = scene.take().unwrap();
    assert!(third.packs.iter().all(|pack| !first.packs.contains(pack)));
    assert!(third.totals.stored_bytes < first.totals.stored_bytes / 5);
    assert_eq!(
        contents(&scene.restored(3).unwrap()),
        contents(&scene.data())
    );
}

#[test]
fn packs_that_the_store_has_lost_are_sent_again() {
    let mut scene = Scene::new();
    scene.write("openclaw/workspace/a", noise(1, 100_000));
    let first = scene.take().unwrap();
    fs::remove_file(scene.pack(first.packs[0].key)).unwrap();
    scene.write("openclaw/workspace/b", "b");
    scene.take().unwrap();
    assert_eq!(
        contents(&scene.restored(2).unwrap()),
        contents(&scene.data())
    );
}

/// A store that fails after so many writes, as when the power goes.
struct Cut<'a> {
    store: &'a Folder,
    writes: AtomicU32,
}

impl Cut<'_> {
    fn write(&self) -> Result<(), StoreError> {
        let left = self
            .writes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        left.map(|_| ())
            .map_err(|_| StoreError::Away("no power".to_owned()))
    }
}

impl Store for Cut<'_> {
    fn missing(&self, objects: &[ObjectRef]) -> Result<Vec<Digest>, StoreError> {
        self.store.missing(objects)
    }
    fn object(&self, object: &ObjectRef) -> Result<Vec<u8>, StoreError> {
        self.store.object(object)
    }
    fn put_object(&self, key: Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.write()?;
        self.store.put_object(key, bytes)
    }
    fn manifest(&self, generation: u64) -> Result<Vec<u8>, StoreError> {
        self.store.manifest(generation)
    }
    fn commit(&self, generation: u64, manifest: &[u8]) -> Result<(), StoreError> {
        self.write()?;
        self.store.commit(generation, manifest)
    }
}

#[test]
fn a_power_cut_between_any_two_writes_leaves_the_generation_before() {
    let mut scene = Scene::new();
    scene.write("openclaw/workspace/a", noise(1, 100_000));
    scene.take().unwrap();
    let before = contents(&scene.data());
    scene.write("openclaw/workspace/a", noise(2, 100_000));
    scene.write("openclaw/workspace/large", noise(3, 20_000_000));
    let store = scene.store.clone();
    let mut writes = 0;
    loop {
        let cut = Cut {
            store: &store,
            writes: AtomicU32::new(writes),
        };
        // The one who remembers is gone as well.
        scene.known = None;
        match scene.take_into(&cut) {
            Ok(manifest) => {
                assert_eq!(manifest.unwrap().generation, 2);
                break;
            }
            Err(NotTaken::Store(StoreError::Away(_))) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(store.generations().unwrap(), [1]);
        assert_eq!(contents(&scene.restored(1).unwrap()), before);
        writes += 1;
    }
    assert!(writes >= 5, "{writes}");
    assert_eq!(
        contents(&scene.restored(2).unwrap()),
        contents(&scene.data())
    );
}

#[test]
fn whatever_is_wrong_with_what_is_stored_is_found_and_nothing_is_replaced() {
    let mut scene = Scene::new();
    scene.write("openclaw/workspace/a", noise(1, 9_000_000));
    let manifest = scene.take().unwrap();
    let (one, two) = (manifest.packs[0], manifest.packs[1]);
    let there = scene.folder.path().join("there");
    fs::create_dir_all(there.join("openclaw")).unwrap();
    fs::write(there.join("openclaw/mine"), "mine").unwrap();
    for key in [one.key, two.key, manifest.index.key] {
        let good = fs::read(scene.pack(key)).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let other = fs::read(scene.pack(if key == one.key { two.key } else { one.key })).unwrap();
        let bads = [
            Some(flipped),
            Some(good[..good.len() - 1].to_vec()),
            Some(Vec::new()),
            Some(other),
            None,
        ];
        for bad in bads {
            match bad {
                Some(bytes) => fs::write(scene.pack(key), bytes).unwrap(),
                None => fs::remove_file(scene.pack(key)).unwrap(),
            }
            let why = scene.damage(1);
            assert!(why.contains(&key.to_string()), "{why}");
            let found = restore(&scene.store, &there, LINE, 1, Separation::None);
            assert!(matches!(found, Err(NotRestored::Damaged(_))));
            assert!(verify(&scene.store, LINE, 1).is_err());
        }
        fs::write(scene.pack(key), good).unwrap();
    }
    let good = fs::read(scene.manifest_file(1)).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    for (bad, why) in [
        (good[..good.len() / 2].to_vec(), "cannot be read"),
        (Vec::new(), "cannot be read"),
        (
            text.replace("\"schema\":1", "\"schema\":2").into_bytes(),
            "newer",
        ),
        (
            text.replace("\"line\":\"line\"", "\"line\":\"other\"")
                .into_bytes(),
            "another gateway",
        ),
        (
            text.replace("\"generation\":1", "\"generation\":2")
                .into_bytes(),
            "generation 2",
        ),
        (
            text.replace("\"files\":1", "\"files\":2").into_bytes(),
            "add up",
        ),
    ] {
        fs::write(scene.manifest_file(1), bad).unwrap();
        let damage = scene.damage(1);
        assert!(damage.contains(why), "{damage}");
    }
    fs::write(scene.manifest_file(1), good).unwrap();
    assert_eq!(
        fs::read_dir(&there).unwrap().count(),
        1,
        "nothing is left lying"
    );
    restore(&scene.store, &there, LINE, 1, Separation::None).unwrap();
    assert!(there.join("openclaw/workspace/a").exists());
    assert_eq!(
        fs::read(there.join("replaced/openclaw/mine")).unwrap(),
        b"mine"
    );
}

fn index_of(raw: &[u8], path: &str) -> (Index, Vec<u8>) {
    let stored = zstd::bulk::compress(raw, 3).unwrap();
    let hash = Digest::of(raw);
    let length = raw.len() as u64;
    let index = Index {
        schema: SCHEMA,
        directories: Vec::new(),
        files: vec![File {
            path: path.to_owned(),
            mode: 0o600,
            modified: 0,
            size: length,
            sha256: hash,
            chunks: vec![hash],
        }],
        links: Vec::new(),
        packs: vec![Pack {
            key: Digest::of(&stored),
            bytes: stored.len() as u64,
            raw_bytes: length,
            chunks: vec![Chunk {
                hash,
                offset: 0,
                length,
            }],
        }],
    };
    (index, stored)
}

#[test]
fn a_forged_generation_writes_nothing_outside_of_the_tree() {
    let paths = [
        "../out",
        "/tmp/out",
        "openclaw/../../out",
        "openclaw//out",
        "tedix/last-good.json",
        "out",
        "openclaw/./out",
        "openclaw/link/out",
        "",
    ];
    for path in paths {
        let scene = Scene::new();
        let (mut index, stored) = index_of(b"evil", path);
        index.links.push(Link {
            path: "openclaw/link".into(),
            target: "../..".into(),
        });
        scene.forge(&index, Some(&stored));
        scene.damage(1);
    }
    for target in ["/etc", "../../etc", "x/../../../y", ""] {
        let scene = Scene::new();
        let (mut index, stored) = index_of(b"evil", "openclaw/a");
        index.links.push(Link {
            path: "openclaw/link".into(),
            target: target.into(),
        });
        scene.forge(&index, Some(&stored));
        scene.damage(1);
    }
    // And that such a generation is otherwise fine.
    let scene = Scene::new();
    let (mut index, stored) = index_of(b"fine", "openclaw/a");
    index.directories.push(Directory {
        path: "openclaw".into(),
        mode: 0o750,
    });
    index.links.push(Link {
        path: "openclaw/link".into(),
        target: "a".into(),
    });
    scene.forge(&index, Some(&stored));
    let restored = scene.restored(1).unwrap();
    assert_eq!(fs::read(restored.join("openclaw/link")).unwrap(), b"fine");
    for mode in [0o4755, 0o1777, 0o10_0644] {
        index.files[0].mode = mode;
        scene.forge(&index, Some(&stored));
        scene.damage(1);
    }
}

#[test]
fn bombs_do_not_go_off() {
    // 64 MiB of zeroes in a few KB, said to be 8 bytes, what fits, and what it is.
    let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 3).unwrap();
    assert!(bomb.len() < 20_000);
    for raw_bytes in [8, 8 * 1024 * 1024, 64 * 1024 * 1024] {
        let scene = Scene::new();
        let (mut index, _) = index_of(b"x", "openclaw/a");
        let pack = &mut index.packs[0];
        (pack.key, pack.bytes, pack.raw_bytes) = (Digest::of(&bomb), bomb.len() as u64, raw_bytes);
        pack.chunks[0].length = raw_bytes;
        index.files[0].size = raw_bytes;
        scene.forge(&index, Some(&bomb));
        scene.damage(1);
    }
    // As an index.
    let scene = Scene::new();
    scene.forge(&index_of(b"x", "openclaw/a").0, None);
    let mut manifest = Manifest::read(&fs::read(scene.manifest_file(1)).unwrap()).unwrap();
    manifest.totals.stored_bytes += bomb.len() as u64 - manifest.index.bytes;
    (manifest.index.key, manifest.index.bytes) = (Digest::of(&bomb), bomb.len() as u64);
    fs::write(scene.pack(manifest.index.key), &bomb).unwrap();
    fs::write(
        scene.manifest_file(1),
        serde_json::to_vec(&manifest).unwrap(),
    )
    .unwrap();
    scene.damage(1);
    // Forty gigabytes that are not there are refused for their size before any is made.
    let scene = Scene::new();
    let (mut index, stored) = index_of(&vec![0; 8 * 1024 * 1024], "openclaw/a");
    let chunk = index.files[0].chunks[0];
    index.files[0].chunks = vec![chunk; 5000];
    index.files[0].size = 5000 * 8 * 1024 * 1024;
    scene.forge(&index, Some(&stored));
    assert!(scene.damage(1).contains("too large"));
}

#[test]
fn links_sockets_and_locks_do_not_get_in_the_way() {
    let mut scene = Scene::new();
    scene.write("openclaw/workspace/a", "a");
    let at = |path: &str| scene.data().join("openclaw/workspace").join(path);
    symlink("/etc/passwd", at("out")).unwrap();
    symlink("../../../etc", at("up")).unwrap();
    symlink(at("a"), at("absolute")).unwrap();
    symlink("missing", at("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let manifest = scene.take().unwrap();
    assert_eq!((manifest.totals.files, manifest.totals.skipped), (1, 3));
    let restored = scene.restored(1).unwrap().join("openclaw/workspace");
    assert_eq!(fs::read(restored.join("absolute")).unwrap(), b"a");
    assert!(restored.join("dangling").is_symlink() && !restored.join("out").is_symlink());
}

fn database(path: &Path) -> Connection {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let database = Connection::open(path).unwrap();
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
        CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY, body BLOB);
        CREATE TABLE IF NOT EXISTS b (id INTEGER PRIMARY KEY, body BLOB);";
    database.execute_batch(set_up).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database
}

#[test]
fn a_database_that_is_written_all_the_time_is_kept_as_of_one_moment() {
    let mut scene = Scene::new();
    let path = scene.data().join("openclaw/state/openclaw.sqlite");
    let writer = database(&path);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (wrote, written) = std::sync::mpsc::sync_channel(0);
    let thread = std::thread::spawn(move || {
        let mut writer = writer;
        while stopped.try_recv().is_err() {
            // The same number of rows in both, in every moment that may be seen.
            let write = writer.transaction().unwrap();
            write
                .execute("INSERT INTO a (body) VALUES (randomblob(900))", [])
                .unwrap();
            write
                .execute("INSERT INTO b (body) VALUES (randomblob(300))", [])
                .unwrap();
            write.commit().unwrap();
            // Said only when somebody listens.
            let _ = wrote.try_send(());
        }
        writer
    });
    for generation in 1..=12 {
        written.recv().unwrap();
        scene.take().unwrap();
        let restored = scene.restored(generation).unwrap().join("openclaw/state");
        let names: Vec<_> = fs::read_dir(&restored)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["openclaw.sqlite"], "nothing beside it");
        let restored = Connection::open(restored.join("openclaw.sqlite")).unwrap();
        let check: String = restored
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        let rows = "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)";
        let (a, b): (i64, i64) = restored
            .query_row(rows, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(a, b);
    }
    stop.send(()).unwrap();
    let writer = thread.join().unwrap();
    // At rest, and with all of it in the journal, it does not change any more.
    scene.take().unwrap();
    assert!(scene.take().is_none());
    writer.execute("DELETE FROM a WHERE id = 5", []).unwrap();
    let manifest = scene.take().unwrap();
    assert!(
        manifest.totals.sent_bytes < 600_000,
        "{:?}",
        manifest.totals
    );
}

#[test]
fn a_database_that_somebody_keeps_locked_is_kept_as_it_was() {
    let mut scene = Scene::new();
    let path = scene.data().join("openclaw/workspace/app.db");
    let writer = database(&path);
    writer
        .execute("INSERT INTO a (body) VALUES ('one')", [])
        .unwrap();
    scene.take().unwrap();
    drop(writer);
    let lock = Connection::open(&path).unwrap();
    lock.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO a (body) VALUES ('two');",
    )
    .unwrap();
    scene.write("openclaw/workspace/more", "more");
    let manifest = scene.take().unwrap();
    assert_eq!((manifest.totals.files, manifest.totals.skipped), (2, 1));
    let restored = scene.restored(2).unwrap().join("openclaw/workspace/app.db");
    let count: i64 = Connection::open(restored)
        .unwrap()
        .query_row("SELECT count(*) FROM a", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn after_a_restore_a_change_that_is_only_in_a_journal_is_seen() {
    let mut scene = Scene::new();
    let path = scene.data().join("openclaw/workspace/app.db");
    drop(database(&path));
    scene.take().unwrap();
    let data = scene.data();
    fs::remove_dir_all(&data).unwrap();
    let restored = restore(&scene.store, &data, LINE, 1, Separation::None).unwrap();
    scene.known = Some(restored.known);
    let writer = database(&path);
    writer
        .execute("INSERT INTO a (body) VALUES ('one')", [])
        .unwrap();
    assert!(scene.take().is_some());
}

#[test]
fn the_folder_refuses_what_the_gateway_worker_refuses() {
    let mut scene = Scene::new();
    scene.write("openclaw/workspace/a", "a");
    let manifest = scene.take().unwrap();
    let text = serde_json::to_vec(&manifest).unwrap();
    assert!(matches!(
        scene.store.commit(1, &text),
        Err(StoreError::Conflict(_))
    ));
    assert!(matches!(
        scene.store.commit(3, &text),
        Err(StoreError::Conflict(_))
    ));
    fs::remove_file(scene.pack(manifest.packs[0].key)).unwrap();
    let mut second = manifest.clone();
    second.generation = 2;
    let text = serde_json::to_vec(&second).unwrap();
    let refused = scene.store.commit(2, &text);
    assert_eq!(
        refused,
        Err(StoreError::MissingPacks(vec![manifest.packs[0].key]))
    );
}
