//! `POST /v1/lease`: who writes a gateway's state, and what a container starts from.

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::state::{MAX_MANIFEST, Manifest};
use domain::wire::snapshots::Snapshot;
use domain::wire::state::TakeLease;

use super::{Answer, Authority, World, ask_for, json, keys};
use crate::command::{StateAsk, StatePrepared};
use crate::ports::objects::{ObjectStore, StoreError};

/// Manifests that are read when the Durable Object does not know them: it was new, or
/// it was cut off between a manifest and writing it down.
const MAX_LEARNT: usize = 50;

/// Grants it, with what the bucket holds laid beside what the Durable Object knows.
pub(super) async fn take<S, A, C>(
    world: &World<'_, S, A, C>,
    take: &TakeLease,
) -> Result<Answer<S::Body>, Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    let instance = take.instance.clone();
    let prepared = StateAsk::Prepare {
        instance: instance.clone(),
    };
    let prepared: StatePrepared = ask_for(world.desk.ask(prepared).await?.body)?;
    let listed = listed(world.store, &prepared.line).await?;
    let mut learnt = Vec::new();
    let unknown = listed.iter().rev();
    let unknown = unknown.filter(|number| !prepared.known.contains(number));
    for number in unknown.take(MAX_LEARNT) {
        learnt.extend(learn(world.store, &prepared.line, *number).await?);
    }
    let grant = StateAsk::Grant {
        instance,
        listed,
        learnt,
        openclaw_versions: take.openclaw_versions.clone(),
    };
    json(world.desk.ask(grant).await?.body)
}

/// Numbers of the manifests in the bucket, oldest first.
pub(super) async fn listed<S: ObjectStore>(store: &S, line: &str) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store
            .list(&keys::generations(line), after.as_deref())
            .await?;
        numbers.extend(
            page.objects
                .iter()
                .filter_map(|o| keys::generation_of(&o.key)),
        );
        after = page.after;
        if after.is_none() {
            return Ok(numbers);
        }
    }
}

/// What a manifest in the bucket says; none when it is not one of ours. The container
/// finds out, too, and reports it.
async fn learn<S: ObjectStore>(
    store: &S,
    line: &str,
    number: u64,
) -> Result<Option<Snapshot>, StoreError> {
    let key = keys::generation(line, number);
    let bytes = match store.read(&key, MAX_MANIFEST).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) | Err(StoreError::TooLarge) => return Ok(None),
        Err(error) => return Err(error),
    };
    let manifest = Manifest::read(&bytes).ok();
    let manifest = manifest.filter(|manifest| manifest.belongs(line, number).is_ok());
    Ok(manifest.map(|manifest| Snapshot::of(manifest, key, &bytes)))
}
