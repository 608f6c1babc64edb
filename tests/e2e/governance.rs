//! Who governs besides the people named by address, and what ends or is noticed by itself.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use domain::access::Role;
use domain::wire::registry::{Enrolled, FleetStatus};
use e2e::client::{Credential, Gateway};
use e2e::stack::{COMPANY, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "governance::groups_and_service_tokens_have_the_role_that_the_policy_gives",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let before = company.policy().await?;
                let seen = groups_and_services(stack, &company).await;
                company
                    .edit_policy(|policy| *policy = before.document)
                    .await?;
                seen
            },
        ),
        world.trial("governance::an_exception_ends_by_itself", async |stack| {
            let company = stack.gateway(COMPANY)?;
            let before = company.policy().await?;
            let seen = exception_ends(&company).await;
            company
                .edit_policy(|policy| *policy = before.document)
                .await?;
            seen
        }),
        world.trial(
            "governance::an_audit_that_moves_back_raises_an_alarm",
            audit_moves_back,
        ),
    ]
}

/// Saves the newest policy with other sections, merged into those that it has.
async fn save(gateway: &Gateway, section: &str, fields: &Value) -> anyhow::Result<()> {
    let newest = gateway.policy().await?;
    let mut document = serde_json::to_value(&newest.document)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        document[section][name] = value.clone();
    }
    let answer = gateway.put_policy(newest.version, document).await?;
    answer.expect(200).map(drop)
}

async fn groups_and_services(stack: &Stack, company: &Gateway) -> anyhow::Result<()> {
    let forge = stack.forge()?;
    let eve = |groups: Value| {
        let claims = json!({ "email": "eve@localhost.test", "groups": groups });
        let token = forge.with_claims(claims)?;
        anyhow::Ok(company.with(Credential::AccessHeader(token)))
    };
    let service = |name: &str| {
        let token = forge.with_claims(json!({ "email": null, "common_name": name, "sub": "" }))?;
        anyhow::Ok(company.with(Credential::AccessHeader(token)))
    };
    let status = async |who: Gateway| anyhow::Ok(who.get("status").send().await?.status);
    ensure!(
        status(eve(json!(["platform"]))?).await? == 403,
        "not named yet"
    );
    ensure!(status(service("ci.access")?).await? == 403, "not named yet");
    let entries = json!({
        "groups": [{ "group": "platform", "role": "operator" }],
        "services": [{ "name": "ci.access", "role": "viewer" }],
    });
    save(company, "access", &entries).await?;

    let who = eve(json!(["others", { "id": "1", "name": "platform" }]))?;
    let viewer = who.status().await?.viewer;
    ensure!(
        (viewer.subject.as_str(), viewer.role) == ("eve@localhost.test", Role::Operator),
        "{viewer:?}"
    );
    let newest = who.policy().await?;
    let document = serde_json::to_value(&newest.document)?;
    let put = who.put_policy(newest.version, document.clone()).await?;
    ensure!(put.status == 403, "an operator saved: {}", put.excerpt());
    ensure!(
        status(eve(json!(["others"]))?).await? == 403,
        "another group"
    );
    ensure!(status(eve(json!("platform"))?).await? == 403, "no list");

    let ci = service("ci.access")?;
    let viewer = ci.status().await?.viewer;
    ensure!(viewer.role == Role::Viewer, "{viewer:?}");
    let put = ci.put_policy(newest.version, document).await?;
    ensure!(put.status == 403, "a viewer saved: {}", put.excerpt());
    ensure!(
        status(service("other.access")?).await? == 403,
        "another service"
    );

    // The admin app acts with the registry's tokens: they say the groups, too.
    let operator = forge.with_claims(json!({ "groups": ["platform"] }))?;
    let registry = stack.registry()?.with(Credential::AccessHeader(operator));
    let id = registry.gateway(COMPANY).await?.id;
    let token = registry.gateway_token(&id).await?.token;
    let claims = token.split('.').nth(1).context("a token has claims")?;
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    ensure!(claims["groups"] == json!(["platform"]), "{claims}");
    let admin = company.with(Credential::Bearer(token));
    ensure!(admin.status().await?.viewer.role == Role::Admin, "taken");
    Ok(())
}

async fn exception_ends(company: &Gateway) -> anyhow::Result<()> {
    let ends = Utc::now() + TimeDelta::seconds(20);
    let tools = json!({
        "profile": "coding", "deny": [], "exec": { "mode": "allowlist" },
        "agents": { "ops": { "exec": "full" } },
        "exceptions": [{
            "clause": "/tools/agents/ops/exec", "reason": "For a moment",
            "expires_at": ends.to_rfc3339(),
        }],
    });
    save(company, "tools", &tools).await?;
    let question = json!({ "questions": [
        { "agent": "ops", "tool": "exec", "arguments": { "command": "id" } },
    ] });
    let decision = async || {
        let answer = company
            .post("policy/explain")
            .json(&question)
            .send()
            .await?;
        let body: Value = answer.json(200)?;
        anyhow::Ok(body["answers"][0]["decision"].clone())
    };
    ensure!(decision().await? == json!("allow"), "it counts until then");
    let what = "the exception to end";
    wait::until(what, wait::APPLY, async || {
        let entries = company.audit().await?;
        let ended = entries.iter().any(|entry| {
            entry.action == "policy.exception_ended" && entry.detail.contains("/tools/agents/ops")
        });
        Ok(ended.then_some(()))
    })
    .await?;
    ensure!(Utc::now() >= ends, "not before its time");
    let now = decision().await?;
    ensure!(now == json!("deny"), "{now}");
    let newest = company.policy().await?;
    company.applied(newest.version).await
}

async fn audit_moves_back(stack: &Stack) -> anyhow::Result<()> {
    let registry = stack.registry()?;
    let token = registry.join_token(None).await?.token;
    let name = "moves-back";
    let enrolled: Enrolled = registry
        .anonymous()
        .enroll(&token, name, "http://localhost:1")
        .await?
        .json(201)?;
    let own = registry.with(Credential::Bearer(enrolled.credential.clone()));
    let path = format!("gateways/{}/heartbeat", enrolled.gateway_id);
    let beat = async |sequence: u64, seq: u64, digit: &str| {
        let now = Utc::now().to_rfc3339();
        let beat = json!({
            "boot_id": "0123456789abcdef", "sequence": sequence, "sent_at": now,
            "tedix_version": "0.0.0",
            "sandbox": { "phase": "ready", "since": now, "restarts": 0 },
            "policy": { "version": 1, "desired_hash": "0".repeat(64), "state": "applied" },
            "budget": { "tokens_used": 0, "resets_at": now },
            "models": [], "pointers": {},
            "audit_head": { "seq": seq, "hash": digit.repeat(64) },
        });
        own.post(&path).json(&beat).send().await?.expect(200)?;
        registry.gateway(name).await
    };
    let quiet = beat(1, 6, "a").await?;
    ensure!(quiet.audit_alarm.is_none(), "{:?}", quiet.audit_alarm);
    let alarmed = beat(2, 2, "b").await?;
    let alarm = alarmed.audit_alarm.context("no alarm")?;
    ensure!((alarm.known.seq, alarm.said.seq) == (6, 2), "{alarm:?}");
    ensure!(
        alarmed.status == FleetStatus::Degraded,
        "{:?}",
        alarmed.status
    );
    // It does not go away by itself.
    let later = beat(3, 7, "c").await?;
    ensure!(later.audit_alarm == Some(alarm), "{:?}", later.audit_alarm);
    Ok(())
}
