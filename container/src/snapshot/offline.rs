//! `tedix-init state …`: snapshots without a gateway Worker, between a data directory and
//! a folder laid out like the bucket. For disasters, and to measure.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use domain::state::{Digest, Manifest, ObjectRef, SCHEMA, SnapshotReason, Totals};
use serde_json::{Value, json};

use super::folder::Folder;
use super::restore::{NotRestored, known, restore, verify};
use super::store::Store;
use super::take::{Source, Taken, take};
use crate::privileges::Separation;
use crate::settings::OPENCLAW_UID;

const USAGE: &str = "usage: tedix-init state take DATA STORE [TIMES]
       tedix-init state restore DATA STORE [GENERATION]
       tedix-init state verify STORE [GENERATION]
Each line of output is JSON. STORE is a folder with packs/ and generations/, as in the bucket.";

/// Runs a command, prints what came of it, and says whether it went well.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["take", data, store] => take_times(Path::new(data), store, 1),
        ["take", data, store, times] => take_times(Path::new(data), store, number(times)?),
        ["restore", data, store] => restore_to(Path::new(data), store, None),
        ["restore", data, store, generation] => {
            restore_to(Path::new(data), store, Some(number(generation)?))
        }
        ["verify", store] => verify_in(store, None),
        ["verify", store, generation] => verify_in(store, Some(number(generation)?)),
        _ => Err(USAGE.to_owned()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number\n{USAGE}"))
}

fn open(store: &str) -> Result<Folder, String> {
    Folder::open(Path::new(store)).map_err(|error| format!("{store}: {error}"))
}

/// The line of the newest manifest that can be read; a name of its own for a new store.
fn line(store: &Folder) -> String {
    let generations = store.generations().unwrap_or_default();
    let mut manifests = generations
        .iter()
        .filter_map(|generation| Manifest::read(&store.manifest(*generation).ok()?).ok());
    manifests
        .next()
        .map_or_else(|| "offline".to_owned(), |manifest| manifest.line)
}

fn take_times(data: &Path, store: &str, times: u64) -> Result<(), String> {
    let store = open(store)?;
    let line = line(&store);
    let newest = store
        .generations()
        .map_err(|error| error.to_string())?
        .first()
        .copied();
    let mut known = newest.and_then(|generation| known(&store, &line, generation).ok());
    let mut parent = newest;
    let source = Source {
        data: data.to_owned(),
        scratch: scratch().map_err(|error| error.to_string())?,
    };
    for _ in 0..times {
        let began = Instant::now();
        let template = template(&line, parent);
        let taken = take(&source, &store, known.as_mut(), &template);
        let taken = taken.map_err(|error| error.to_string())?;
        let mut said = match taken {
            Taken::Unchanged => json!({ "generation": parent, "sent_bytes": 0 }),
            Taken::Written {
                manifest,
                known: now,
                named,
            } => {
                known = Some(*now);
                parent = Some(manifest.generation);
                json!({
                    "generation": manifest.generation, "files": manifest.totals.files,
                    "bytes": manifest.totals.bytes, "sent_bytes": manifest.totals.sent_bytes,
                    "left_out": named,
                })
            }
        };
        finish(&mut said, began);
    }
    // The folder is ours alone.
    let _ = std::fs::remove_dir_all(source.scratch);
    Ok(())
}

fn restore_to(data: &Path, store: &str, generation: Option<u64>) -> Result<(), String> {
    let store = open(store)?;
    let line = line(&store);
    let owner = Separation::available(OPENCLAW_UID);
    each(&store, generation, |generation| {
        restore(&store, data, &line, generation, owner).map(|restored| restored.manifest)
    })
}

fn verify_in(store: &str, generation: Option<u64>) -> Result<(), String> {
    let store = open(store)?;
    let line = line(&store);
    each(&store, generation, |generation| {
        verify(&store, &line, generation)
    })
}

/// Tries the chosen generation, or the newest and those before it, until one is good.
fn each(
    store: &Folder,
    chosen: Option<u64>,
    attempt: impl Fn(u64) -> Result<Manifest, NotRestored>,
) -> Result<(), String> {
    let all = store.generations().map_err(|error| error.to_string())?;
    let candidates = chosen.map_or(all, |generation| vec![generation]);
    for generation in candidates {
        let began = Instant::now();
        match attempt(generation) {
            Ok(manifest) => {
                let mut said = json!({
                    "generation": generation, "files": manifest.totals.files,
                    "bytes": manifest.totals.bytes,
                });
                finish(&mut said, began);
                return Ok(());
            }
            Err(NotRestored::Damaged(why)) => {
                println!("{}", json!({ "generation": generation, "damaged": why }));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("no generation there is good".to_owned())
}

/// Prints a result with how long it took and the most memory that was in use meanwhile.
fn finish(said: &mut Value, began: Instant) {
    said["took_ms"] = json!(began.elapsed().as_millis() as u64);
    said["peak_bytes"] = json!(peak_bytes());
    println!("{said}");
    // Counts anew from here (proc(5)); where it cannot, the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn scratch() -> std::io::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("tedix-state-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn template(line: &str, parent: Option<u64>) -> Manifest {
    Manifest {
        schema: SCHEMA,
        line: line.to_owned(),
        generation: parent.unwrap_or_default() + 1,
        parent,
        created_at: SystemTime::now().into(),
        reason: SnapshotReason::Demand,
        order: None,
        tedix_version: env!("CARGO_PKG_VERSION").to_owned(),
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
