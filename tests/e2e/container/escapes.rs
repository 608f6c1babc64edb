//! An agent that may run commands tries to get out of what governs it: each way
//! is shut, or found and put right. What runs here runs inside the container, as
//! OpenClaw's user, with OpenClaw's environment.

use anyhow::{Context, ensure};
use domain::wire::gateway::AuditEntry;
use domain::wire::openclaw::{
    ADMIN_RPC_PATH, CLIENT_HEADER, INIT_IDENTITY, UNKNOWN_CLIENT, USER_HEADER,
};
use e2e::client::Gateway;
use e2e::machine::{Container, Inquiry, Reply, signal};
use e2e::stack::{COMPANY, PERSONAL, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::stage::World;

const NODE: &str = "/opt/node/bin/node";
const LEFT_BEHIND: &str = include_str!("left_behind.mjs");
const APPROVALS: &str = include_str!("approvals.mjs");
/// OpenClaw in the container.
const OPENCLAW: &str = "http://127.0.0.1:18789";
/// A path that nobody would allow.
const STOLEN: &str = "/bin/stolen";

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "container::nobody_else_s_identity_opens_governance_internal",
            another_identity,
        ),
        world.trial(
            "container::another_gateway_s_state_is_out_of_reach",
            another_gateway_s_state,
        ),
        world.trial("container::openclaw_has_no_token_to_take", no_token),
        world.trial(
            "container::its_configuration_takes_no_plugin_and_no_mcp_server",
            configuration_by_rpc,
        ),
        world.trial(
            "container::approvals_that_an_agent_writes_are_put_right",
            approvals,
        ),
        world.trial(
            "container::a_job_and_a_skill_that_an_agent_adds_are_found",
            jobs_and_skills,
        ),
        world.trial(
            "container::a_second_gateway_does_not_get_its_state",
            second_gateway,
        ),
        world.trial(
            "container::what_is_left_for_the_next_start_does_not_count",
            left_behind,
        ),
    ]
}

/// With the operator's own Access token, the registry's kind of token and every
/// header by which somebody is known elsewhere.
async fn another_identity(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let before = personal.policy().await?;
    let token = stack.operator_token();
    let key = container.model_key()?;
    let mut document = serde_json::to_value(&before.document)?;
    document["tools"] = json!({ "profile": "full" });
    let body = json!({ "document": document });
    let report = json!({ "kind": "step", "step": "confirming" });
    let identities = [
        json!({ "authorization": format!("Bearer {token}") }),
        json!({ "cf-access-jwt-assertion": token }),
        json!({ "cookie": format!("CF_Authorization={token}") }),
        json!({ "authorization": format!("Bearer {key}"), USER_HEADER: INIT_IDENTITY }),
        json!({ "authorization": format!("Bearer {key}"), USER_HEADER: stack.ready.operator }),
        json!({ "authorization": "Bearer tic_0000000000000000000000000000000000000000000" }),
    ];
    let mut attempts = Vec::new();
    for headers in &identities {
        let mut headers = headers.clone();
        headers["if-match"] = json!(format!("\"v{}\"", before.version));
        for path in [
            "/_gateway/v1/policy",
            "/v1/policy",
            "/v1/../_gateway/v1/policy",
        ] {
            let mut put = Inquiry::post(
                format!("http://governance.internal{path}"),
                headers.clone(),
                body.clone(),
            );
            put.method = "PUT";
            attempts.push(put);
        }
        let post = |path: &str, body: &Value| {
            Inquiry::post(
                format!("http://governance.internal{path}"),
                headers.clone(),
                body.clone(),
            )
        };
        attempts.push(post("/v1/reports", &report));
        attempts.push(post("/v1/proposals/p1/approve", &json!({})));
        attempts.push(post("/_gateway/v1/models/stop", &json!({})));
        attempts.push(post("/command", &json!({})));
        attempts.push(Inquiry::get(
            "http://governance.internal/v1/config",
            headers.clone(),
        ));
    }
    for (attempt, reply) in attempts.iter().zip(container.ask(&attempts, true).await?) {
        ensure!(
            (400..500).contains(&reply.status) && !reply.body.contains("config_hash"),
            "{} {} with {} answered {reply:?}",
            attempt.method,
            attempt.url,
            attempt.headers
        );
    }
    ensure!(
        personal.policy().await? == before,
        "the policy is another one"
    );
    Ok(())
}

async fn another_gateway_s_state(stack: &Stack) -> anyhow::Result<()> {
    let container = stack.container(PERSONAL)?;
    let key = container.model_key()?;
    let other = stack.ready_gateway(COMPANY)?;
    let bearer = json!({ "authorization": format!("Bearer {key}"), "x-tedix-gateway": COMPANY });
    let urls = [
        "http://state.internal/".to_owned(),
        "http://state.internal/v1/snapshots".to_owned(),
        format!("http://state.internal/gateways/{COMPANY}/manifest"),
        format!("http://state.internal/v1/../gateways/{COMPANY}/manifest"),
        format!("http://{COMPANY}.state.internal/"),
        format!("http://state.{COMPANY}.internal/"),
        format!("{}/_gateway/v1/policy", other.url),
        format!("{}/_gateway/healthz", other.url),
    ];
    let attempts: Vec<Inquiry> = urls
        .iter()
        .map(|url| Inquiry::get(url.as_str(), bearer.clone()))
        .collect();
    for (url, reply) in urls.iter().zip(container.ask(&attempts, true).await?) {
        ensure!(
            reply.status == 0 || reply.status >= 400,
            "{url} answered {reply:?}"
        );
    }
    Ok(())
}

/// What an agent holds opens nothing of OpenClaw's, and there is no token.
async fn no_token(stack: &Stack) -> anyhow::Result<()> {
    let container = stack.container(PERSONAL)?;
    let key = container.model_key()?;
    let environment = container.run(&["/usr/bin/env"]).await?;
    ensure!(
        environment.contains(&key),
        "not the agent's environment: {environment}"
    );
    ensure!(
        !environment.contains("OPENCLAW_GATEWAY"),
        "a credential of OpenClaw's: {environment}"
    );
    let config = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    let config: Value = serde_json::from_str(&config).context("the configuration")?;
    ensure!(
        config.pointer("/gateway/auth/token").is_none()
            && config.pointer("/gateway/auth/password").is_none(),
        "the configuration holds a credential"
    );
    let resolve = json!({ "method": "exec.approvals.get", "params": {} });
    let url = format!("{OPENCLAW}{ADMIN_RPC_PATH}");
    let attempts = [
        Inquiry::post(&url, json!({}), resolve.clone()),
        Inquiry::post(
            &url,
            json!({ "authorization": format!("Bearer {key}") }),
            resolve.clone(),
        ),
        Inquiry::post(
            &url,
            json!({ "x-openclaw-scopes": "operator.admin" }),
            resolve,
        ),
    ];
    for reply in container.ask(&attempts, false).await? {
        ensure!(
            (400..500).contains(&reply.status),
            "OpenClaw answered {reply:?}"
        );
    }
    Ok(())
}

/// Somebody who knows the headers of the front door is OpenClaw's administrator
/// (see docs/container.md), and still does not get at its configuration.
async fn configuration_by_rpc(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let file = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    let get = rpc(&container, "config.get", json!({})).await?;
    let found: Value = serde_json::from_str(&get.body).with_context(|| get.body.clone())?;
    let hash = found
        .pointer("/payload/hash")
        .or_else(|| found.pointer("/result/hash"))
        .or_else(|| found.pointer("/hash"))
        .cloned()
        .with_context(|| format!("no hash in {}", get.body))?;
    let patches = [
        json!({ "mcp": { "servers": { "own": { "command": "/bin/sh", "args": ["-c", "id"] } } } }),
        json!({ "plugins": { "allow": ["own"], "load": { "paths": ["/data/openclaw/own"] } } }),
        json!({ "tools": { "profile": "full", "deny": [] } }),
        json!({ "hooks": { "internal": { "enabled": true } } }),
    ];
    for patch in patches {
        let parameters = json!({ "raw": patch.to_string(), "baseHash": hash });
        let reply = rpc(&container, "config.patch", parameters).await?;
        // Over this RPC OpenClaw says no more than that it failed.
        ensure!(
            reply.status >= 400 && reply.body.contains("\"ok\":false"),
            "{patch} was answered {reply:?}"
        );
    }
    let after = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    ensure!(after == file, "the configuration is another one");
    let set = ["plugins", "install", "/data/openclaw/workspace"];
    let printed = openclaw(&container, &set).await?;
    let enabled = openclaw(
        &container,
        &["mcp", "set", "own", r#"{"command":"/bin/sh"}"#],
    )
    .await?;
    let after = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    ensure!(
        after == file,
        "the configuration is another one: {printed} {enabled}"
    );
    personal.applied(personal.policy().await?.version).await
}

/// Behind OpenClaw's back in its database, and as its administrator.
async fn approvals(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let seq = newest(&personal).await?;
    let wrote = container
        .run(&[
            NODE,
            "--no-warnings",
            "--input-type=module",
            "--eval",
            APPROVALS,
        ])
        .await?;
    ensure!(wrote.contains("WROTE 1"), "{wrote}");
    put_right(&personal, &container, seq)
        .await
        .context("in the database")?;

    let seq = newest(&personal).await?;
    let got = rpc(&container, "exec.approvals.get", json!({})).await?;
    let got: Value = serde_json::from_str(&got.body).with_context(|| got.body.clone())?;
    let payload = ["/payload", "/result"]
        .iter()
        .find_map(|at| got.pointer(at))
        .unwrap_or(&got);
    let mut file = payload.get("file").cloned().context("no approvals")?;
    file["agents"]["main"] =
        json!({ "security": "full", "ask": "off", "allowlist": [{ "pattern": STOLEN }] });
    let parameters = json!({ "file": file, "baseHash": payload.get("hash") });
    let set = rpc(&container, "exec.approvals.set", parameters).await?;
    ensure!(set.status == 200, "{set:?}");
    put_right(&personal, &container, seq)
        .await
        .context("over its RPC")
}

/// Waits until what was changed is as the policy says, and the audit tells of it.
async fn put_right(gateway: &Gateway, container: &Container, seq: u64) -> anyhow::Result<()> {
    wait::until(
        "the approvals to be put right",
        wait::HEARTBEATS,
        async || {
            let now = rpc(container, "exec.approvals.get", json!({})).await?;
            let told = audit_after(gateway, seq, "drift.reverted").await?;
            Ok((told.is_some() && !now.body.contains(STOLEN)).then_some(()))
        },
    )
    .await
}

async fn jobs_and_skills(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let seq = newest(&personal).await?;
    let job = json!({
        "name": "an-agent-s-own-job",
        "schedule": { "kind": "every", "everyMs": 86_400_000 },
        "sessionTarget": "isolated",
        "wakeMode": "now",
        "payload": { "kind": "agentTurn", "message": "/say unasked" },
        "delivery": { "mode": "none" },
    });
    let added = rpc(&container, "cron.add", job).await?;
    ensure!(added.status == 200, "{added:?}");
    let skill =
        "mkdir -p /data/openclaw/skills/own && printf 'x' > /data/openclaw/skills/own/SKILL.md";
    container.run(&["/bin/sh", "-c", skill]).await?;
    let found = wait::until(
        "the job and the skill to be found",
        wait::HEARTBEATS,
        async || {
            let entries = personal.audit_after(seq).await?;
            let drift: Vec<AuditEntry> = entries
                .into_iter()
                .filter(|entry| entry.action.starts_with("drift."))
                .collect();
            let names = |name: &str| drift.iter().any(|entry| entry.detail.contains(name));
            Ok((names("an-agent-s-own-job") && names("own")).then_some(drift))
        },
    )
    .await;
    container
        .run(&["/bin/rm", "-r", "/data/openclaw/skills/own"])
        .await?;
    let added: Value = serde_json::from_str(&added.body)?;
    let id = ["/payload/id", "/result/id", "/id"]
        .iter()
        .find_map(|at| added.pointer(at));
    // It may have been taken away already.
    rpc(&container, "cron.remove", json!({ "id": id })).await?;
    found.map(drop)
}

/// Another OpenClaw, without what makes the first one's configuration read-only.
async fn second_gateway(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let own = r#"{"gateway":{"mode":"local","auth":{"mode":"none"}},"tools":{"profile":"full"}}"#;
    let script = format!(
        "unset OPENCLAW_CONFIG_READONLY; export OPENCLAW_CONFIG_PATH=/data/home/own.json; \
         echo '{own}' > $OPENCLAW_CONFIG_PATH; \
         exec timeout -k 5 90 {NODE} /opt/openclaw/node_modules/openclaw/openclaw.mjs gateway --port 18999"
    );
    let printed = container.run(&["/bin/sh", "-c", &script]).await?;
    // Its state has an owner, whichever of OpenClaw's locks notices first.
    let refusals = [
        "already running",
        "already listening",
        "another OpenClaw process owns gateway-lifecycle",
    ];
    ensure!(
        refusals.iter().any(|words| printed.contains(words)),
        "it was not refused: {printed}"
    );
    container
        .run(&["/bin/rm", "-f", "/data/home/own.json"])
        .await?;
    ensure!(personal.health().await?.ready, "the first one is gone");
    personal.applied(personal.policy().await?.version).await
}

/// Files for the next start, and then an end for this one.
async fn left_behind(stack: &Stack) -> anyhow::Result<()> {
    let personal = stack.gateway(PERSONAL)?;
    let container = stack.container(PERSONAL)?;
    let before = personal.status().await?;
    let config = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    let left = container
        .run(&[NODE, "--input-type=module", "--eval", LEFT_BEHIND])
        .await?;
    ensure!(left.trim() == "LEFT", "{left}");
    let outcome = ended_and_back(stack, &personal, &before.policy.desired_hash, &config).await;
    let rest = "rm -rf /data/openclaw/extensions/mark /data/openclaw/hooks /data/openclaw/mark.cjs \
                /data/openclaw/.env /data/openclaw/openclaw.json* /data/home/.env /data/home/.openclaw \
                /data/openclaw/workspace/.env /data/openclaw/workspace/hooks /data/openclaw/workspace/mark \
                /data/openclaw/workspace/.openclaw/extensions";
    container.run(&["/bin/sh", "-c", rest]).await?;
    outcome
}

async fn ended_and_back(
    stack: &Stack,
    personal: &Gateway,
    hash: &str,
    config: &str,
) -> anyhow::Result<()> {
    let container = stack.container(PERSONAL)?;
    let last = personal.status().await?.sandbox.last_exit;
    // It runs as the agent's own user, so an agent may end it.
    signal(&container.openclaw()?, Signal::KILL)?;
    wait::until("OpenClaw to be back", wait::START, async || {
        let back = personal.health().await?.ready;
        Ok((back && personal.status().await?.sandbox.last_exit != last).then_some(()))
    })
    .await?;
    personal.applied(personal.policy().await?.version).await?;
    let status = personal.status().await?.policy;
    ensure!(
        status.effective_hash.as_deref() == Some(hash),
        "something else is in force: {status:?}"
    );
    let now = container
        .run(&["/bin/cat", "/etc/openclaw/openclaw.json"])
        .await?;
    ensure!(now == config, "the configuration is another one: {now}");
    // Whatever it loads with the first turn is loaded now.
    personal.turn("/say after the start").await?;
    let mark = container
        .run(&["/bin/cat", "/data/openclaw/workspace/mark"])
        .await?;
    ensure!(
        !mark.contains("loaded"),
        "something of the agent's was loaded"
    );
    let reported = rpc(&container, "config.get", json!({})).await?;
    ensure!(
        reported.body.contains("/etc/openclaw/openclaw.json"),
        "it reads another file: {}",
        reported.body
    );
    Ok(())
}

/// A call of OpenClaw's RPC with the headers of the front door, which anything in
/// the container can send.
async fn rpc(container: &Container, method: &str, parameters: Value) -> anyhow::Result<Reply> {
    let headers = json!({ USER_HEADER: INIT_IDENTITY, CLIENT_HEADER: UNKNOWN_CLIENT });
    let body = json!({ "method": method, "params": parameters });
    let url = format!("{OPENCLAW}{ADMIN_RPC_PATH}");
    let replies = container
        .ask(&[Inquiry::post(url, headers, body)], false)
        .await?;
    replies.into_iter().next().context("no reply")
}

/// OpenClaw's command line.
async fn openclaw(container: &Container, arguments: &[&str]) -> anyhow::Result<String> {
    let script = "/opt/openclaw/node_modules/openclaw/openclaw.mjs";
    container
        .run(&[&["/usr/bin/timeout", "60", NODE, script], arguments].concat())
        .await
}

async fn newest(gateway: &Gateway) -> anyhow::Result<u64> {
    Ok(gateway.audit().await?.first().map_or(0, |entry| entry.seq))
}

async fn audit_after(
    gateway: &Gateway,
    seq: u64,
    action: &str,
) -> anyhow::Result<Option<AuditEntry>> {
    let entries = gateway.audit_after(seq).await?;
    Ok(entries.into_iter().find(|entry| entry.action == action))
}
