//! Removes generations that are no longer kept, and packs that none of the rest names.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::state::{MAX_MANIFEST, Manifest};

use super::{Authority, World, ask_for, keys, lease};
use crate::command::{StateAsk, SweepPlan};
use crate::ports::objects::{ObjectInfo, ObjectStore};

/// Does what is due; mostly nothing is. No commit runs meanwhile.
pub(super) async fn run<S, A, C>(world: &World<'_, S, A, C>) -> Result<(), Problem>
where
    S: ObjectStore,
    A: Authority,
    C: Fn() -> DateTime<Utc>,
{
    let plan = world.desk.ask(StateAsk::BeginSweep).await?.body;
    let Some(plan) = ask_for::<Option<SweepPlan>>(plan)? else {
        return Ok(());
    };
    let swept = sweep(world, &plan).await;
    let end = match swept {
        Ok(packs) => StateAsk::EndSweep {
            removed: plan.remove,
            packs,
            failure: None,
        },
        // It is tried again after the next snapshot.
        Err(problem) => StateAsk::EndSweep {
            removed: Vec::new(),
            packs: None,
            failure: Some(problem.detail),
        },
    };
    world.desk.ask(end).await.map(drop)
}

/// How many packs were removed; none when they were not looked through.
async fn sweep<S, A, C>(
    world: &World<'_, S, A, C>,
    plan: &SweepPlan,
) -> Result<Option<u64>, Problem>
where
    S: ObjectStore,
    C: Fn() -> DateTime<Utc>,
{
    let line = &plan.line;
    let manifests: Vec<String> = plan
        .remove
        .iter()
        .map(|number| keys::generation(line, *number))
        .collect();
    for keys in manifests.chunks(1_000) {
        world.store.delete(keys).await?;
    }
    let Some(older_than) = plan.packs_older_than else {
        return Ok(None);
    };
    // Every manifest that is in the bucket counts, whether the Durable Object knows it
    // or not. One that cannot be read ends it: its packs would look like nobody's.
    let mut live = HashSet::new();
    for number in lease::listed(world.store, line).await? {
        let key = keys::generation(line, number);
        let Some(bytes) = world.store.read(&key, MAX_MANIFEST).await? else {
            continue;
        };
        let manifest = Manifest::read(&bytes).map_err(|damage| {
            Problem::conflict(format!("Generation {number} cannot be read: {damage}."))
        })?;
        let named = manifest.packs.iter().chain([&manifest.index]);
        live.extend(named.map(|object| keys::pack(line, object.key)));
    }
    let mut removed = 0u64;
    let mut after: Option<String> = None;
    loop {
        let page = world
            .store
            .list(&keys::packs(line), after.as_deref())
            .await?;
        let unnamed =
            |object: &&ObjectInfo| !live.contains(&object.key) && object.uploaded_at < older_than;
        let dead: Vec<String> = page
            .objects
            .iter()
            .filter(unnamed)
            .map(|object| object.key.clone())
            .collect();
        // The right to sweep ends; a commit could begin then.
        if (world.clock)() >= plan.until {
            return Ok(Some(removed));
        }
        world.store.delete(&dead).await?;
        removed = removed.saturating_add(dead.len() as u64);
        after = page.after;
        if after.is_none() {
            return Ok(Some(removed));
        }
    }
}
