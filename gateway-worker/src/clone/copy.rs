//! The target's side: a step at a time, each of which may be cut off anywhere and done again.
//!
//! The manifest is fetched once, checked, and kept beside the generations under its own hash;
//! what it names and is not there yet is fetched a few at a time, each checked by the store
//! against its name. Written last is a manifest of the own line.

use chrono::{DateTime, TimeDelta, Utc};
use domain::git::words;
use domain::secret::Secret;
use domain::state::{Damage, Digest, MAX_MANIFEST, Manifest, ObjectRef};
use domain::wire::clones::{CloneProgress, GRANTED_PATH};
use domain::wire::snapshots::Snapshot;
use futures_util::{StreamExt, stream};

use crate::internal::state::{keys, packs};
use crate::ports::lender::{Lender, Lent};
use crate::ports::objects::{ObjectStore, StoreError};

/// Objects that are fetched at the same time.
const AT_ONCE: usize = 4;
/// Most objects of one step: a Durable Object may make 1,000 calls for one event.
const MOST: usize = 200;
/// No object is begun later than this in a step, in seconds.
const STEP_SECONDS: i64 = 20;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which clone.
    pub id: u64,
    /// Origin of the gateway that lends.
    pub from: String,
    /// The generation there.
    pub generation: u64,
    /// What opens it.
    pub code: Secret,
    /// The own folder in the bucket.
    pub line: String,
    /// The manifest, once it is known: it is the same to the end.
    pub manifest: Option<Digest>,
    /// Bytes fetched so far.
    pub fetched: u64,
    /// Which step.
    pub step: Step,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fetch what is not there.
    Copy,
    /// Make it a generation of that number. Nobody else commits meanwhile.
    Write {
        /// Which.
        number: u64,
    },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So much is there.
    Copied {
        /// The manifest.
        manifest: Digest,
        /// How far it is.
        progress: CloneProgress,
        /// Bytes fetched in this step.
        fetched: u64,
    },
    /// It is a generation.
    Written(Box<Snapshot>),
    /// There is another generation of that number.
    Occupied,
    /// Something that was there is gone.
    Missing,
}

/// Why a step could not be done, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It is worth trying again.
    Later(String),
    /// What arrived is not what was named: once may be an accident.
    Broken(String),
    /// It will not become better.
    Never(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Later(error.to_string())
    }
}

/// Does a step, or finds it done.
///
/// # Errors
/// When the other gateway does not answer, refuses or lies, or the bucket fails.
pub async fn run<S, L, C>(store: &S, lender: &L, clock: C, task: &Task) -> Result<Outcome, Failure>
where
    S: ObjectStore,
    L: Lender<Body = S::Body>,
    C: Fn() -> DateTime<Utc>,
{
    match task.step {
        Step::Copy => copy(store, lender, clock, task).await,
        Step::Write { number } => write(store, task, number).await,
    }
}

async fn copy<S, L, C>(store: &S, lender: &L, clock: C, task: &Task) -> Result<Outcome, Failure>
where
    S: ObjectStore,
    L: Lender<Body = S::Body>,
    C: Fn() -> DateTime<Utc>,
{
    let until = clock() + TimeDelta::seconds(STEP_SECONDS);
    let (digest, manifest) = match known(store, task).await? {
        Some(known) => known,
        None => {
            // A step of its own: what it is must be written down before anything else.
            let (digest, manifest) = fetch_manifest(store, lender, task).await?;
            let all = objects(&manifest);
            let absent = absent(store, task, &all).await?;
            return Ok(copied(digest, &all, &absent, 0));
        }
    };
    let all = objects(&manifest);
    let absent = absent(store, task, &all).await?;
    let before: u64 = absent.iter().map(|object| object.bytes).sum();
    let fetches = stream::iter(absent.iter().take(MOST)).map(|object| {
        let late = clock() >= until;
        async move {
            match late {
                true => Ok(()),
                false => fetch(store, lender, task, *object).await,
            }
        }
    });
    let mut fetches = fetches.buffer_unordered(AT_ONCE);
    let mut failure = None;
    while let Some(fetched) = fetches.next().await {
        if let Err(why) = fetched {
            // What will not become better says more than what may.
            let worse = matches!(failure, None | Some(Failure::Later(_)));
            failure = if worse { Some(why) } else { failure };
            break;
        }
    }
    drop(fetches);
    let absent = self::absent(store, task, &all).await?;
    let after: u64 = absent.iter().map(|object| object.bytes).sum();
    match failure {
        Some(Failure::Never(why)) => return Err(Failure::Never(why)),
        // What did arrive counts: the rest is tried again with the next step.
        Some(why) if after >= before => return Err(why),
        _ => {}
    }
    Ok(copied(digest, &all, &absent, before.saturating_sub(after)))
}

fn copied(manifest: Digest, all: &[ObjectRef], absent: &[ObjectRef], fetched: u64) -> Outcome {
    let bytes_total = all.iter().map(|object| object.bytes).sum::<u64>();
    let missing = absent.iter().map(|object| object.bytes).sum::<u64>();
    Outcome::Copied {
        manifest,
        progress: CloneProgress {
            packs: all.len().saturating_sub(absent.len()) as u64,
            packs_total: all.len() as u64,
            bytes: bytes_total.saturating_sub(missing),
            bytes_total,
        },
        fetched,
    }
}

async fn write<S: ObjectStore>(store: &S, task: &Task, number: u64) -> Result<Outcome, Failure> {
    let Some((_, manifest)) = known(store, task).await? else {
        return Ok(Outcome::Missing);
    };
    let all = objects(&manifest);
    let own = manifest.cloned_into(&task.line, number, &task.from, task.fetched);
    own.check().map_err(|damage| damaged(&damage))?;
    let bytes = serde_json::to_vec(&own).map_err(|error| Failure::Never(error.to_string()))?;
    let key = keys::generation(&task.line, number);
    let there = match store.read(&key, MAX_MANIFEST).await? {
        None if !absent(store, task, &all).await?.is_empty() => return Ok(Outcome::Missing),
        None if store.create(&key, &bytes).await? => Some(bytes.clone()),
        None => store.read(&key, MAX_MANIFEST).await?,
        there => there,
    };
    // Written by an earlier try whose answer got lost; or by another, and then it stays.
    match there.as_deref() == Some(bytes.as_slice()) {
        true => Ok(Outcome::Written(Box::new(Snapshot::of(own, key, &bytes)))),
        false => Ok(Outcome::Occupied),
    }
}

/// Removes what was kept for it, once it is written down that it ended. One that stays behind
/// is a small object that nobody reads, until the next clone.
///
/// # Errors
/// When the bucket fails.
pub async fn tidy<S: ObjectStore>(store: &S, task: &Task) -> Result<(), StoreError> {
    match task.manifest {
        Some(manifest) => store.delete(&[keys::clone(&task.line, manifest)]).await,
        None => Ok(()),
    }
}

/// The manifest that was fetched before.
async fn known<S: ObjectStore>(
    store: &S,
    task: &Task,
) -> Result<Option<(Digest, Manifest)>, Failure> {
    let Some(digest) = task.manifest else {
        return Ok(None);
    };
    let key = keys::clone(&task.line, digest);
    let Some(bytes) = store.read(&key, MAX_MANIFEST).await? else {
        return Ok(None);
    };
    if Digest::of(&bytes) != digest {
        return Ok(None);
    }
    Ok(Some((
        digest,
        Manifest::read(&bytes).map_err(|damage| damaged(&damage))?,
    )))
}

async fn fetch_manifest<S: ObjectStore, L: Lender>(
    store: &S,
    lender: &L,
    task: &Task,
) -> Result<(Digest, Manifest), Failure> {
    let path = format!("{GRANTED_PATH}/{}", task.generation);
    let lent = lender.small(&path, MAX_MANIFEST + 1).await;
    let bytes = answered(lent)?;
    let digest = Digest::of(&bytes);
    if task.manifest.is_some_and(|before| before != digest) {
        return Err(Failure::Never(
            "the other gateway has another manifest now than at the beginning".to_owned(),
        ));
    }
    let manifest = Manifest::read(&bytes).map_err(|damage| damaged(&damage))?;
    // Whose line it is cannot be checked from here, but that it says one.
    manifest
        .belongs(&manifest.line, task.generation)
        .map_err(|damage| damaged(&damage))?;
    if manifest.line.is_empty() || manifest.line == task.line {
        return Err(Failure::Never(
            "the generation is one of this very gateway: restore it instead".to_owned(),
        ));
    }
    let key = keys::clone(&task.line, digest);
    // Of clones that were given up.
    let left = store.list(&keys::clones(&task.line), None).await?.objects;
    let left = left.into_iter().map(|object| object.key);
    let left: Vec<String> = left.filter(|other| *other != key).collect();
    store.delete(&left).await?;
    store.create(&key, &bytes).await?;
    Ok((digest, manifest))
}

async fn fetch<S, L>(store: &S, lender: &L, task: &Task, object: ObjectRef) -> Result<(), Failure>
where
    S: ObjectStore,
    L: Lender<Body = S::Body>,
{
    let (generation, name) = (task.generation, object.key);
    let path = format!("{GRANTED_PATH}/{generation}/packs/{name}");
    let body = answered(lender.stream(&path).await)?;
    let key = keys::pack(&task.line, name);
    let stored = store.store(&key, body, object.bytes, name.0).await;
    stored.map_err(|error| match error {
        StoreError::Mismatch => Failure::Broken(format!(
            "the pack {name} arrived with other bytes than its manifest says"
        )),
        other => other.into(),
    })
}

fn answered<B>(answer: Result<Lent<B>, String>) -> Result<B, Failure> {
    let answer = answer.map_err(|why| {
        Failure::Later(format!(
            "the other gateway does not answer ({})",
            words(&why)
        ))
    })?;
    let never = |words: &str| Err(Failure::Never(words.to_owned()));
    match answer.status {
        200 => Ok(answer.body),
        401 => never(
            "the code does not open that generation there, or it has ended; ask for another code",
        ),
        404 | 410 => {
            never("the other gateway has no such generation, or part of it is gone; choose another")
        }
        409 => never("the generation is damaged there; choose another"),
        300..=399 | 403 => never(
            "the other gateway does not let the request through to its Worker: does Access stand \
             in front of it without a Bypass for /_gateway/v1/granted?",
        ),
        status @ (408 | 425 | 429 | 500..=599) => Err(Failure::Later(format!(
            "the other gateway answers {status}"
        ))),
        status => never(&format!("the other gateway answers {status}")),
    }
}

async fn absent<S: ObjectStore>(
    store: &S,
    task: &Task,
    all: &[ObjectRef],
) -> Result<Vec<ObjectRef>, Failure> {
    let absent = packs::absent(store, &task.line, all).await?;
    let absent: std::collections::HashSet<Digest> = absent.into_iter().collect();
    let here = all.iter().copied();
    Ok(here.filter(|object| absent.contains(&object.key)).collect())
}

/// What a manifest names.
fn objects(manifest: &Manifest) -> Vec<ObjectRef> {
    let packs = manifest.packs.iter().copied();
    packs.chain([manifest.index]).collect()
}

fn damaged(damage: &Damage) -> Failure {
    Failure::Never(format!("the generation cannot be used: {damage}"))
}
