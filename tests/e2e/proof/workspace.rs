//! Files of the workspace that a policy closes: what a program in the container writes
//! there is put back, and waits for a person where the policy says so.

use anyhow::{Context, ensure};
use domain::proposal::{Health, Kind, Proposal, State};
use domain::wire::gateway::Page;
use e2e::client::Gateway;
use e2e::machine::Container;
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use serde_json::{Value, json};

use super::Proof;
use super::scene::apply;

const CLAUSE: &str = "/self_modification/workspace";
const FOLDER: &str = "/data/openclaw/workspace";
/// The file that a clause names.
const CLOSED: &str = "PLAN.md";
/// One that none names.
const OPEN: &str = "IDEAS.md";

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    let container = stack.container(PERSONAL)?;
    write(&container, CLOSED, "as it was").await?;
    apply(gateway, &closed("review")).await?;
    let id = changed(gateway, &container, proof).await?;
    approved(gateway, &container, &id, proof).await?;
    apply(gateway, &closed("deny")).await?;
    denied(gateway, &container, proof).await
}

fn closed(change: &str) -> Value {
    json!({ "self_modification": { "workspace": [{ "path": CLOSED, "change": change }] } })
}

/// A change that waits for a person: undone, and a proposal. Its id.
async fn changed(
    gateway: &Gateway,
    container: &Container,
    proof: &mut Proof,
) -> anyhow::Result<String> {
    write(container, OPEN, "thought of").await?;
    write(container, CLOSED, "made up").await?;
    let back = reads(container, CLOSED, "as it was").await;
    proof.note(
        CLAUSE,
        "review: put back",
        back.is_ok(),
        &format!("{back:?}"),
    );
    let open = read(container, OPEN).await?;
    proof.note(CLAUSE, "no clause", open == "thought of", &open);
    let made = wait::until(
        "what was undone to be proposed",
        wait::HEARTBEATS,
        async || Ok(proposals(gateway).await?.into_iter().next()),
    )
    .await?;
    let right = made.state == State::Pending && made.draft.content == json!("made up");
    proof.note(CLAUSE, "review: proposed", right, &format!("{made:?}"));
    Ok(made.id)
}

/// A person approves it: it is there, and between two snapshots.
async fn approved(
    gateway: &Gateway,
    container: &Container,
    id: &str,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    let approve = gateway.post(&format!("proposals/{id}/approve"));
    let _: Proposal = approve.send().await?.json(200)?;
    let saved = wait::until("the change to be made and saved", wait::START, async || {
        let now: Proposal = gateway
            .get(&format!("proposals/{id}"))
            .send()
            .await?
            .json(200)?;
        ensure!(now.health != Some(Health::Failed), "{now:?}");
        Ok(now.generation_after.map(|_| now))
    })
    .await?;
    let text = read(container, CLOSED).await?;
    proof.note(CLAUSE, "review: approved", text == "made up", &text);
    ensure!(
        saved.health == Some(Health::Healthy) && saved.generation_before <= saved.generation_after,
        "{saved:?}"
    );
    Ok(())
}

/// A change that nobody may make: undone, and nothing else.
async fn denied(gateway: &Gateway, container: &Container, proof: &mut Proof) -> anyhow::Result<()> {
    let before = proposals(gateway).await?.len();
    write(container, CLOSED, "made up again").await?;
    let back = reads(container, CLOSED, "made up").await;
    proof.note(CLAUSE, "deny: put back", back.is_ok(), &format!("{back:?}"));
    let after = proposals(gateway).await?.len();
    proof.note(
        CLAUSE,
        "deny: not proposed",
        after == before,
        &format!("{before}, {after}"),
    );
    Ok(())
}

/// Proposals about files of the workspace, newest first.
async fn proposals(gateway: &Gateway) -> anyhow::Result<Vec<Proposal>> {
    let page: Page<Proposal> = gateway.get("proposals").send().await?.json(200)?;
    let of_file =
        |one: &Proposal| one.draft.kind == Kind::WorkspaceFile && one.draft.target == CLOSED;
    Ok(page.items.into_iter().filter(of_file).collect())
}

async fn write(container: &Container, file: &str, text: &str) -> anyhow::Result<()> {
    let command = format!("printf '%s' '{text}' > {FOLDER}/{file}");
    container.run(&["/bin/sh", "-c", &command]).await.map(drop)
}

async fn read(container: &Container, file: &str) -> anyhow::Result<String> {
    let path = format!("{FOLDER}/{file}");
    let text = container.run(&["/bin/cat", &path]).await.context(path)?;
    Ok(text.trim().to_owned())
}

/// Waits until a file reads like this.
async fn reads(container: &Container, file: &str, text: &str) -> anyhow::Result<()> {
    wait::until("a file to be put back", wait::HEARTBEATS, async || {
        Ok((read(container, file).await? == text).then_some(()))
    })
    .await
}
