//! `/v1/generations/N`: what makes a generation one.

use chrono::{DateTime, Utc};
use domain::problem::{FieldError, Problem};
use domain::state::{MAX_MANIFEST, Manifest, ObjectRef};
use domain::wire::snapshots::Snapshot;
use domain::wire::state::{Committed, MISSING_PACKS};

use super::packs::absent;
use super::{Answer, Authority, Body, World, ask_for, json, keys, line, other_method, sweep};
use crate::command::{StateAsk, StateTicket};
use crate::ports::objects::ObjectStore;

/// `GET` and `PUT` of one.
pub(super) async fn one<S, A, C>(
    world: &World<'_, S, A, C>,
    method: &str,
    number: u64,
    lease: String,
    body: Body<S::Body>,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    match (method, body) {
        ("GET", _) => {
            let line = line(world.desk, None).await?;
            let key = keys::generation(&line, number);
            let found = world.store.read(&key, MAX_MANIFEST).await?;
            let gone = || Problem::not_found("There is no such generation.");
            Ok(Answer::Bytes(found.ok_or_else(gone)?))
        }
        ("PUT", Body::Bytes(bytes)) => put(world, number, lease, &bytes).await,
        _ => Err(other_method()),
    }
}

async fn put<S, A, C>(
    world: &World<'_, S, A, C>,
    number: u64,
    lease: String,
    bytes: &[u8],
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    // From here to `EndCommit` nobody else commits, and nothing is swept away.
    let begin = StateAsk::BeginCommit {
        lease: lease.clone(),
        generation: number,
    };
    let ticket: StateTicket = ask_for(world.desk.ask(begin).await?.body)?;
    let written = write(world, &ticket.line, number, bytes).await;
    let end = StateAsk::EndCommit {
        lease,
        generation: number,
        snapshot: written.as_ref().ok().cloned().map(Box::new),
    };
    let ended = world.desk.ask(end).await;
    written?;
    ended?;
    // The generation is there, whatever becomes of the old ones: the right to remove
    // them ends by itself.
    drop(sweep::run(world).await);
    json(Committed {
        generation: number,
        next_generation: number.saturating_add(1),
    })
}

async fn write<S, A, C>(
    world: &World<'_, S, A, C>,
    line: &str,
    number: u64,
    bytes: &[u8],
) -> Result<Snapshot, Problem>
where
    S: ObjectStore,
{
    let wrong = |damage: domain::state::Damage| {
        Problem::fields(vec![FieldError::new("", damage.to_string())])
    };
    let manifest = Manifest::read(bytes).map_err(wrong)?;
    manifest.belongs(line, number).map_err(wrong)?;
    let named: Vec<ObjectRef> = manifest
        .packs
        .iter()
        .copied()
        .chain([manifest.index])
        .collect();
    let absent = absent(world.store, line, &named).await?;
    if !absent.is_empty() {
        let mut problem = Problem::new(
            409,
            MISSING_PACKS,
            "Packs are missing",
            "Send the packs that `errors` names, then try again.",
        );
        problem.errors = absent
            .iter()
            .map(|key| FieldError::new(key.to_string(), "is not there with that size"))
            .collect();
        return Err(problem);
    }
    let key = keys::generation(line, number);
    if !world.store.create(&key, bytes).await? {
        // Written by an earlier try whose answer got lost; or by another, and then it stays.
        let there = world.store.read(&key, MAX_MANIFEST).await?;
        if there.as_deref() != Some(bytes) {
            return Err(Problem::conflict(format!(
                "Generation {number} exists already and is never written over."
            )));
        }
    }
    Ok(Snapshot::of(manifest, key, bytes))
}
