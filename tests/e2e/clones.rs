//! What one gateway knows is known by another one, which pulled it.

use anyhow::{Context, ensure};
use domain::state::{Digest, Manifest, SnapshotReason};
use domain::wire::clones::{CloneState, CloneStatus, Grants, NewGrant};
use domain::wire::snapshots::Snapshot;
use e2e::client::{Credential, Gateway};
use e2e::stack::{COMPANY, PERSONAL, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::json;

use crate::stage::World;
use crate::state::{Known, make_state, save, snapshots};

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![world.trial(
        "clones::openclaw_in_another_gateway_knows_what_the_first_one_knew",
        comes_over,
    )]
}

async fn comes_over(stack: &Stack) -> anyhow::Result<()> {
    let (personal, company) = (stack.gateway(PERSONAL)?, stack.gateway(COMPANY)?);
    personal.ready().await?;
    company.ready().await?;
    // The scenario about state leaves one behind; alone this one makes its own.
    if Known::of(stack, PERSONAL).await.is_err() {
        make_state(stack, &personal).await?;
    }
    let before = Known::of(stack, PERSONAL).await?;
    save(&personal).await?;
    let saved = snapshots(&personal).await?;
    let saved = saved.first().context("no generation")?.generation;

    let path = format!("snapshots/{saved}/grants");
    let asked = json!({ "minutes": 10, "note": "a second home" });
    let granted: NewGrant = personal.post(&path).json(&asked).send().await?.json(201)?;
    let code = granted.code.expose().to_owned();
    opens_one_generation_and_nothing_else(&personal, &code, saved).await?;

    let from = personal.door.origin();
    let body = json!({ "from": from, "generation": saved, "code": code, "note": "moving" });
    let refused = company.post("snapshots/clone").json(&body).send().await?;
    let refused = refused.problem(409, "conflict")?;
    ensure!(refused.detail.contains("replace"), "{refused:?}");
    let body = json!({ "from": from, "generation": saved, "code": code, "replace": true });
    let begun = company.post("snapshots/clone").json(&body).send().await?;
    begun.expect(202)?;
    let done = wait::until("the clone", wait::START, async || {
        let shown = company.get("snapshots/clone").send().await?;
        ensure!(!shown.text().contains(&code), "the code is shown");
        let status: CloneStatus = shown.json(200)?;
        let lost = matches!(status.state, CloneState::Failed | CloneState::Cancelled);
        ensure!(!lost, "{status:?}");
        Ok((status.state == CloneState::Done).then_some(status))
    })
    .await?;
    let number = done.becomes.context("it has no number")?;
    wait::until("the clone to run", wait::START, async || {
        let state = company.status().await?.state;
        Ok((state.restored == Some(number)).then_some(()))
    })
    .await?;
    company.ready().await?;

    let after = Known::of(stack, COMPANY).await?;
    ensure!(after == before, "{before:#?}\nbecame\n{after:#?}");
    let there = snapshots(&company).await?;
    let clone = there.iter().find(|one| one.generation == number);
    let clone = clone.context("the clone is no generation")?;
    let origin = clone.cloned_from.as_ref().context("from nowhere")?;
    ensure!(
        origin.gateway == from && origin.generation == saved,
        "{origin:?}"
    );
    // What ran before was saved first, so it can be taken back.
    let saved_first = |one: &&Snapshot| one.generation == number - 1;
    let own = there.iter().find(saved_first);
    ensure!(
        own.is_some_and(|own| own.reason == SnapshotReason::Stop && own.cloned_from.is_none()),
        "{there:?}"
    );

    let ended = format!("/_gateway/v1/{path}/{}", granted.grant.id);
    let left = personal.door.call(reqwest::Method::DELETE, &ended);
    let left: Grants = left.send().await?.json(200)?;
    ensure!(
        left.items.iter().all(|one| one.id != granted.grant.id),
        "{left:?}"
    );
    granted_of(&personal, &code, &saved.to_string())
        .await?
        .expect(401)?;
    for (gateway, actions) in [
        (
            &personal,
            [
                "snapshot.granted",
                "snapshot.grant_used",
                "snapshot.grant_ended",
            ]
            .as_slice(),
        ),
        (
            &company,
            ["state.clone_asked", "state.cloned", "state.restored"].as_slice(),
        ),
    ] {
        let audit = gateway.audit().await?;
        for action in actions {
            ensure!(
                audit.iter().any(|entry| entry.action == *action),
                "no {action}"
            );
        }
        ensure!(
            !serde_json::to_string(&audit)?.contains(&code),
            "the code is in the audit"
        );
    }
    Ok(())
}

async fn granted_of(
    gateway: &Gateway,
    code: &str,
    path: &str,
) -> anyhow::Result<e2e::client::Answer> {
    let bearer = gateway.with(Credential::Bearer(code.to_owned()));
    bearer.get(&format!("granted/{path}")).send().await
}

/// The code reads the manifest and what it names, and nobody else's credential does.
async fn opens_one_generation_and_nothing_else(
    gateway: &Gateway,
    code: &str,
    generation: u64,
) -> anyhow::Result<()> {
    let of = async |path: String| granted_of(gateway, code, &path).await;
    let path = format!("granted/{generation}");
    gateway.anonymous().get(&path).send().await?.expect(401)?;
    gateway.get(&path).send().await?.expect(401)?;
    let manifest = of(generation.to_string()).await?.expect(200)?;
    let manifest = Manifest::read(&manifest.body)?;
    let index = manifest.index;
    let bytes = of(format!("{generation}/packs/{}", index.key))
        .await?
        .expect(200)?;
    ensure!(Digest::of(&bytes.body) == index.key, "another index");
    let nobody = Digest::of(b"nobody's");
    of(format!("{generation}/packs/{nobody}"))
        .await?
        .expect(404)?;
    of(format!("{generation}/packs/..%2f..%2fgenerations"))
        .await?
        .expect(404)?;
    of((generation - 1).to_string()).await?.expect(401)?;
    let other = gateway.with(Credential::Bearer(code.to_owned()));
    other.get("snapshots").send().await?.expect(401)?;
    Ok(())
}
