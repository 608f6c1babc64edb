//! Clauses about the policy itself: what a save is held to, and who may change
//! what by proposal.

use anyhow::{Context, ensure};
use e2e::client::{Credential, Gateway};
use e2e::machine::Inquiry;
use e2e::stack::{PERSONAL, Stack};
use serde_json::{Value, json};

use super::Proof;
use super::scene::save;
use super::tools::exception;

/// Two people who operate the gateway besides its admin.
const ALICE: &str = "alice@localhost.test";
const BOB: &str = "bob@localhost.test";
/// A change that takes something away and that nothing else here looks at.
const TARGET: &str = "/budgets/calls_per_task";

pub(super) async fn prove(
    stack: &Stack,
    gateway: &Gateway,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    saves(gateway, proof).await?;
    let operator = json!({ "email": &stack.ready.operator, "role": "admin" });
    let people = [ALICE, BOB].map(|email| json!({ "email": email, "role": "operator" }));
    let operators: Vec<Value> = std::iter::once(operator).chain(people).collect();
    save(
        gateway,
        &json!({ "access": { "operators": operators }, "budgets": {} }),
    )
    .await?;
    config_keys(stack, gateway, proof).await?;
    protected_keys(stack, gateway, proof).await?;
    approvers(stack, gateway, proof).await
}

/// What a save is refused for.
async fn saves(gateway: &Gateway, proof: &mut Proof) -> anyhow::Result<()> {
    let loose = json!({ "exec": { "mode": "allowlist" }, "agents": { "ops": { "exec": "full" } } });
    let mut excepted = loose.clone();
    excepted["exceptions"] = json!([exception()]);
    let expects =
        |decision: &str| json!([{ "name": "No commands", "tool": "exec", "expect": decision }]);
    let cases = [
        (
            "/tools/exceptions",
            json!({ "tools": loose }),
            json!({ "tools": excepted }),
            "/tools/agents/ops/exec",
        ),
        (
            "/tests",
            json!({ "tools": {}, "tests": expects("allow") }),
            json!({ "tools": {}, "tests": expects("deny") }),
            "/tests/0",
        ),
    ];
    for (clause, refused, taken, pointer) in cases {
        let newest = gateway.policy().await?;
        let put = async |sections: &Value| {
            let mut document = serde_json::to_value(&newest.document)?;
            for (name, section) in sections.as_object().into_iter().flatten() {
                document[name] = section.clone();
            }
            gateway.put_policy(newest.version, document).await
        };
        let answer = put(&refused).await?;
        let right = answer.status == 422 && answer.text().contains(pointer);
        proof.note(clause, "broken", right, &answer.text());
        let answer = put(&taken).await?;
        proof.note(clause, "kept", answer.status == 200, &answer.text());
    }
    save(gateway, &json!({ "tests": [], "tools": {} })).await?;
    Ok(())
}

/// An agent's proposal to change its own configuration.
async fn config_keys(stack: &Stack, gateway: &Gateway, proof: &mut Proof) -> anyhow::Result<()> {
    for (rule, state) in [
        ("auto", "applied"),
        ("review", "pending"),
        ("deny", "refused"),
    ] {
        save(
            gateway,
            &json!({ "self_modification": { "config_keys": rule }, "budgets": {} }),
        )
        .await?;
        let made = propose(stack).await?;
        let right = made.get("state") == Some(&json!(state));
        proof.note(
            "/self_modification/config_keys",
            rule,
            right,
            &made.to_string(),
        );
        let limit = gateway.policy().await?.document.budgets.calls_per_task;
        let changed = limit.is_some() == (rule == "auto");
        proof.note(
            "/self_modification/config_keys",
            rule,
            changed,
            &format!("{limit:?}"),
        );
    }
    Ok(())
}

async fn protected_keys(stack: &Stack, gateway: &Gateway, proof: &mut Proof) -> anyhow::Result<()> {
    for (keys, state) in [(json!([]), "pending"), (json!(["budgets"]), "refused")] {
        let rules = json!({ "config_keys": "review", "protected_keys": keys });
        save(
            gateway,
            &json!({ "self_modification": rules, "budgets": {} }),
        )
        .await?;
        let made = propose(stack).await?;
        let right = made.get("state") == Some(&json!(state));
        proof.note(
            "/self_modification/protected_keys",
            state,
            right,
            &made.to_string(),
        );
    }
    Ok(())
}

/// Who decides what an agent proposed.
async fn approvers(stack: &Stack, gateway: &Gateway, proof: &mut Proof) -> anyhow::Result<()> {
    let forge = stack.forge()?;
    let bob = gateway.with(Credential::AccessHeader(forge.genuine(BOB)?));
    for (approvers, status) in [(json!([]), 200), (json!([ALICE]), 403)] {
        let rules = json!({ "config_keys": "review", "approvers": approvers });
        save(
            gateway,
            &json!({ "self_modification": rules, "budgets": {} }),
        )
        .await?;
        let made = propose(stack).await?;
        let id = made.get("id").and_then(Value::as_str).context("no id")?;
        let answer = bob.post(&format!("proposals/{id}/reject")).send().await?;
        let right = answer.status == status;
        proof.note(
            "/self_modification/approvers",
            &status.to_string(),
            right,
            &answer.text(),
        );
    }
    Ok(())
}

/// What an agent's proposal becomes.
async fn propose(stack: &Stack) -> anyhow::Result<Value> {
    let container = stack.container(PERSONAL)?;
    let headers = json!({ "authorization": format!("Bearer {}", container.model_key()?) });
    let draft =
        json!({ "kind": "config_key", "target": TARGET, "content": 99, "reason": "To spend less" });
    let proposal = Inquiry::post("http://governance.internal/v1/proposals", headers, draft);
    let replies = container.ask(&[proposal], false).await?;
    let reply = replies.first().context("no reply")?;
    ensure!(
        reply.status < 300,
        "a proposal was answered {} {}",
        reply.status,
        reply.body
    );
    Ok(serde_json::from_str(&reply.body)?)
}
