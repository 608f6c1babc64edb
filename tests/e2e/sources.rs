//! Skills from a repository, and devices, as OpenClaw itself has them.

use anyhow::{Context, Error, ensure};
use domain::proposal::{Proposal, State};
use domain::wire::devices::{ActionState, DeviceAction, Devices};
use domain::wire::gateway::GitPointer;
use domain::wire::git::{ProposedState, SourceStatus};
use e2e::client::Gateway;
use e2e::git_host::GitHost;
use e2e::machine::Inquiry;
use e2e::openclaw::{Client, Device, Session};
use e2e::stack::{COMPANY, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

/// The skill pack and its skill.
const NAME: &str = "e2e-house";
const GRANTED: [&str; 2] = ["operator.read", "operator.write"];
/// Somebody who may only talk to the gateway, and what their browser asks for besides.
const GUEST: &str = "guest@localhost.test";
const WANTED: [&str; 4] = [
    "operator.approvals",
    "operator.read",
    "operator.write",
    "operator.questions",
];

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "sources::a_skill_pack_comes_from_its_repository_at_its_commit",
            skill_pack,
        ),
        world.trial(
            "sources::a_merged_pull_request_is_the_next_commit_in_use",
            pull_request,
        ),
        world.trial(
            "sources::a_device_is_approved_and_revoked_through_openclaw",
            devices,
        ),
    ]
}

async fn session(stack: &Stack) -> anyhow::Result<Session> {
    let url = stack.ready_gateway(COMPANY)?.url.clone();
    let token = stack.operator_token();
    let headers = [("cf-access-jwt-assertion", token.as_str())];
    let mut session = Session::open(&url, &headers).await?;
    session.connect(Client::BACKEND, None, &GRANTED).await?;
    Ok(session)
}

async fn skill_pack(stack: &Stack) -> anyhow::Result<()> {
    let company = stack.gateway(COMPANY)?;
    company.ready().await?;
    let host = GitHost::start(stack.process.git_port()).await?;
    let skill = format!("skills/{NAME}/SKILL.md");
    let text = |what: &str| format!("---\nname: {NAME}\ndescription: {what}\n---\nDo it.\n");
    let first = host.commit(&skill, &text("Pinned"))?;
    let newer = host.commit(&skill, &text("Newer"))?;
    let pack = json!({"repository": host.url, "commit": first, "branch": "main", "path": "skills"});
    let pack = serde_json::from_value(pack)?;
    company
        .edit_policy(|policy| {
            let packs = &mut policy.persistence.skill_packs;
            packs.extend(NAME.parse().ok().map(|name| (name, pack)));
        })
        .await?;
    let pointer = wait::until("the skill pack", wait::APPLY, async || {
        let status = company.status().await?;
        let source = status.state.sources.first().cloned();
        let problem = source.and_then(|source| source.problem);
        ensure!(problem.is_none(), "{problem:?}");
        let mut pointers = status.pointers.git.into_iter();
        Ok(pointers.find(|pointer| pointer.available.is_some()))
    })
    .await?;
    ensure!(pointer.commit == first, "{pointer:?}");
    ensure!(pointer.available == Some(newer), "{pointer:?}");
    ensure!(pointer.repository == host.url, "{pointer:?}");
    ensure!(
        host.with_credential() == 0,
        "the container's credential went out"
    );

    let found = wait::until("OpenClaw to find the skill", wait::APPLY, async || {
        let answer = session(stack)
            .await?
            .call("skills.status", json!({}))
            .await?;
        let skills = answer["skills"].as_array().cloned().unwrap_or_default();
        Ok(skills.into_iter().find(|skill| skill["name"] == NAME))
    })
    .await?;
    ensure!(found["description"] == "Pinned", "{found}");

    let registry = stack.registry()?;
    wait::until("the registry to know it", wait::HEARTBEATS, async || {
        let heard = registry.gateway(COMPANY).await?.heartbeat;
        let pointers = heard.map(|heard| heard.pointers.git).unwrap_or_default();
        Ok(pointers.contains(&pointer).then_some(()))
    })
    .await?;
    company
        .edit_policy(|policy| policy.persistence.skill_packs.clear())
        .await?;
    Ok(())
}

async fn pull_request(stack: &Stack) -> anyhow::Result<()> {
    let company = stack.gateway(COMPANY)?;
    company.ready().await?;
    let before = company.policy().await?.document;
    let outcome = proposed_and_merged(stack, &company).await;
    company.edit_policy(|policy| *policy = before).await?;
    outcome
}

/// What the gateway says of the one repository.
async fn source(company: &Gateway) -> anyhow::Result<SourceStatus> {
    let mut sources = company.status().await?.state.sources.into_iter();
    sources.next().context("no source")
}

async fn proposed_and_merged(stack: &Stack, company: &Gateway) -> anyhow::Result<()> {
    let host = GitHost::start(stack.process.git_port()).await?;
    let path = format!("skills/{NAME}/SKILL.md");
    let text = |what: &str| format!("---\nname: {NAME}\ndescription: {what}\n---\nDo it.\n");
    let first = host.commit(&path, &text("Pinned"))?;
    let pack = json!({"repository": host.url, "commit": first, "branch": "main",
        "path": "skills", "pull_requests": "github", "promote": "merged"});
    let pack = serde_json::from_value(pack)?;
    company
        .edit_policy(|policy| {
            let packs = &mut policy.persistence.skill_packs;
            packs.extend(NAME.parse().ok().map(|name| (name, pack)));
        })
        .await?;
    let draft = json!({"kind": "skill", "target": format!("{NAME}/{NAME}"),
        "content": text("Proposed"), "reason": "It is clearer, and closes #1."});
    // By an agent: nobody decides their own.
    let container = stack.container(COMPANY)?;
    let headers = json!({ "authorization": format!("Bearer {}", container.model_key()?) });
    let proposal = Inquiry::post("http://governance.internal/v1/proposals", headers, draft);
    let replies = container.ask(&[proposal], false).await?;
    let reply = replies.first().context("no reply")?;
    let made: Proposal = serde_json::from_str(&reply.body)
        .with_context(|| format!("{} {}", reply.status, reply.body))?;
    ensure!(made.state == State::Pending, "{made:?}");
    let proposed = wait::until("the pull request", wait::APPLY, async || {
        let proposed = source(company).await?.proposed;
        Ok(proposed.filter(|one| one.state == ProposedState::Open))
    })
    .await?;
    let faults = host.with_api(|api| api.faults.clone());
    ensure!(faults.is_empty(), "{faults:?}");
    let shown = host.show(&proposed.branch, &path)?;
    ensure!(shown == text("Proposed").trim(), "{shown}");
    let page = host.url.replace(".git", "/pull/1");
    ensure!(proposed.url.as_ref() == Some(&page), "{proposed:?}");
    let decision = company.post(&format!("proposals/{}/approve", made.id));
    decision.send().await?.problem(409, "conflict")?;

    let merged = host.with_api(|api| api.merge(1)).map_err(Error::msg)?;
    wait::until("the merged commit", wait::APPLY, async || {
        let source = source(company).await?;
        let in_use = source.in_use.map(|commit| commit.to_string());
        Ok((source.pinned.as_str() == merged && in_use == Some(merged.clone())).then_some(()))
    })
    .await?;
    let decided: Proposal = company
        .get(&format!("proposals/{}", made.id))
        .send()
        .await?
        .json(200)?;
    ensure!(decided.state == State::Approved, "{decided:?}");
    ensure!(decided.pull_request == Some(page), "{decided:?}");
    wait::until("OpenClaw to read the skill", wait::APPLY, async || {
        let mut session = session(stack).await?;
        let answer = session.call("skills.status", json!({})).await?;
        let mut skills = answer["skills"].as_array().into_iter().flatten();
        let found = skills.find(|skill| skill["name"] == NAME);
        Ok(found
            .is_some_and(|skill| skill["description"] == "Proposed")
            .then_some(()))
    })
    .await?;
    let registry = stack.registry()?;
    wait::until("the registry to know it", wait::HEARTBEATS, async || {
        let heard = registry.gateway(COMPANY).await?.heartbeat;
        let pointers = heard.map(|heard| heard.pointers.git).unwrap_or_default();
        let merged = |pointer: &GitPointer| {
            let proposed = pointer.proposed.as_ref();
            proposed.is_some_and(|one| one.state == ProposedState::Merged)
                && pointer.commit == merged
        };
        Ok(pointers.iter().any(merged).then_some(()))
    })
    .await
}

async fn devices(stack: &Stack) -> anyhow::Result<()> {
    let company = stack.gateway(COMPANY)?;
    company.ready().await?;
    let before = company.policy().await?.document;
    let guest = GUEST.parse().map_err(anyhow::Error::msg)?;
    let invited = company.edit_policy(|policy| policy.access.users.push(guest));
    invited.await?;
    let outcome = device_of_a_guest(stack, &company).await;
    company.edit_policy(|policy| *policy = before).await?;
    outcome
}

async fn device_of_a_guest(stack: &Stack, company: &Gateway) -> anyhow::Result<()> {
    let url = stack.ready_gateway(COMPANY)?.url.clone();
    let cookie = format!("CF_Authorization={}", stack.forge()?.genuine(GUEST)?);
    let headers = [("cookie", cookie.as_str()), ("origin", url.as_str())];
    let before = listed(company).await?;
    let mut browser = Session::open(&url, &headers).await?;
    let device = Device::new()?;
    browser
        .connect(Client::WEBCHAT, Some(&device), &GRANTED)
        .await?;
    let paired = wait::until("the device", wait::APPLY, async || {
        let mut now = listed(company).await?.paired.into_iter();
        Ok(now.find(|one| {
            let mut known = before.paired.iter();
            known.all(|other| other.device.device_id != one.device.device_id)
        }))
    })
    .await?;
    let id = paired.device.device_id;

    let asked = json!({ "scopes": WANTED });
    let asked = browser.call("device.scopes.requestUpgrade", asked).await?;
    let request = asked["requestId"]
        .as_str()
        .context("no request")?
        .to_owned();
    wait::until("the request", wait::APPLY, async || {
        let pending = listed(company).await?.pending;
        let mut pending = pending.iter();
        Ok(pending.any(|one| one.request_id == request).then_some(()))
    })
    .await?;
    let approve = format!("devices/{request}/approve");
    let nobody = company.anonymous().post(&approve).send().await?;
    nobody.problem(401, "unauthenticated")?;
    decided(company, &approve).await?;
    let granted = wait::until("what was granted", wait::APPLY, async || {
        let now = listed(company).await?;
        let mut now = now.paired.into_iter();
        let one = now.find(|one| one.device.device_id == id);
        Ok(one.filter(|one| one.device.scopes.iter().any(|scope| scope == WANTED[0])))
    })
    .await?;
    ensure!(granted.connected, "{granted:?}");

    decided(company, &format!("devices/{id}/revoke")).await?;
    let after = session(stack)
        .await?
        .call("device.pair.list", json!({}))
        .await;
    if let Ok(after) = after {
        let left = |one: &Value| one["deviceId"] == id.as_str();
        ensure!(
            !after["paired"]
                .as_array()
                .is_some_and(|all| all.iter().any(left)),
            "{after}"
        );
    }
    let gone = listed(company).await?.paired;
    ensure!(
        gone.iter().all(|one| one.device.device_id != id),
        "{gone:?}"
    );
    Ok(())
}

async fn listed(gateway: &Gateway) -> anyhow::Result<Devices> {
    gateway.get("devices").send().await?.json(200)
}

/// Asks for something and waits until OpenClaw has done it.
async fn decided(gateway: &Gateway, path: &str) -> anyhow::Result<()> {
    let asked: DeviceAction = gateway.post(path).send().await?.json(202)?;
    wait::until(path, wait::APPLY, async || {
        let actions = listed(gateway).await?.actions;
        let mut actions = actions.into_iter();
        let action = actions.find(|action| action.id == asked.id);
        let action = action.context("it is not listed")?;
        ensure!(action.state != ActionState::Failed, "{action:?}");
        Ok((action.state == ActionState::Done).then_some(()))
    })
    .await
}
