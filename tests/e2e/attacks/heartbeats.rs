//! Heartbeats that lie.

use anyhow::ensure;
use chrono::{TimeDelta, Utc};
use e2e::client::{Answer, Credential, Registry};
use e2e::stack::Stack;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::other_gateways::enrolled;
use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::a_replayed_heartbeat_changes_nothing", async |stack| {
            let gateway = Impostor::new(stack, "attack-replay").await?;
            gateway.beat(&heartbeat(5)).await?.expect(200)?;
            let mut older = heartbeat(3);
            older["tedix_version"] = json!("6.6.6");
            let answer = gateway.beat(&older).await?;
            ensure!(answer.status < 500, "{}: {}", answer.status, answer.excerpt());
            let seen = gateway.seen().await?;
            ensure!(seen["sequence"] == json!(5) && seen["tedix_version"] != json!("6.6.6"), "{seen}");
            Ok(())
        }),
        world.trial("attacks::heartbeats_that_make_no_sense_are_refused", async |stack| {
            let gateway = Impostor::new(stack, "attack-nonsense").await?;
            for (pointer, value) in [
                ("/sequence", json!(-1)),
                ("/sequence", json!(1.5)),
                ("/sequence", json!("1")),
                ("/sequence", json!(1e300)),
                ("/sent_at", json!("yesterday")),
                ("/boot_id", json!("")),
                ("/boot_id", json!("x".repeat(10_000))),
                ("/tedix_version", json!("x".repeat(10_000))),
                ("/budget/tokens_used", json!(-5)),
                ("/sandbox/phase", json!("on fire")),
                ("/sandbox/restarts", json!(-1)),
                ("/policy/version", json!(-1)),
                ("/unknown", json!(true)),
            ] {
                let mut beat = heartbeat(1);
                let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
                if let Some(Value::Object(object)) = beat.pointer_mut(parent) {
                    object.insert(field.to_owned(), value.clone());
                }
                let answer = gateway.beat(&beat).await?;
                ensure!(
                    [400, 413, 422].contains(&answer.status),
                    "{pointer} = {value} was answered {}: {}",
                    answer.status,
                    answer.excerpt()
                );
            }
            let nan = heartbeat(1).to_string().replace("\"sequence\":1", "\"sequence\":NaN");
            let answer = gateway.send("application/json", nan.into_bytes()).await?;
            ensure!([400, 422].contains(&answer.status), "NaN was answered {}", answer.status);
            Ok(())
        }),
        world.trial("attacks::a_heartbeat_from_the_future_is_seen_by_the_registry_s_own_clock", async |stack| {
            let gateway = Impostor::new(stack, "attack-future").await?;
            let mut beat = heartbeat(1);
            beat["sent_at"] = json!((Utc::now() + TimeDelta::days(400)).to_rfc3339());
            let answer = gateway.beat(&beat).await?;
            ensure!(answer.status < 500, "{}: {}", answer.status, answer.excerpt());
            let seen = gateway.operator.gateway(&gateway.name).await?.last_seen_at;
            ensure!(seen.is_none_or(|at| at < Utc::now() + TimeDelta::minutes(1)), "{seen:?}");
            Ok(())
        }),
        world.trial("attacks::an_oversized_heartbeat_is_refused", async |stack| {
            let gateway = Impostor::new(stack, "attack-oversized").await?;
            let mut beat = heartbeat(1);
            beat["models"] = (0..20_000)
                .map(|number| json!({ "provider": "openai", "id": format!("model-{number}"), "stand_in": true }))
                .collect();
            gateway.beat(&beat).await?.problem(413, "too-large")?;
            Ok(())
        }),
        world.trial("attacks::a_heartbeat_needs_its_gateway_s_credential", async |stack| {
            let gateway = Impostor::new(stack, "attack-no-credential").await?;
            let registry = stack.registry()?;
            let path = format!("gateways/{}/heartbeat", gateway.id);
            let credential = gateway.credential.clone();
            let cut: String = credential.chars().take(credential.len() - 1).collect();
            for credential in [
                None,
                Some(Credential::Bearer(cut)),
                Some(Credential::Bearer(format!("{credential}x"))),
                Some(Credential::Bearer("tgc_".to_owned())),
                Some(Credential::Bearer(stack.operator_token())),
                Some(Credential::AccessHeader(stack.operator_token())),
                Some(Credential::AccessHeader(credential)),
            ] {
                let caller = match credential {
                    Some(credential) => registry.with(credential),
                    None => registry.anonymous(),
                };
                let answer = caller.post(&path).json(&heartbeat(1)).send().await?;
                ensure!([401, 403].contains(&answer.status), "{}: {}", answer.status, answer.excerpt());
            }
            Ok(())
        }),
    ]
}

/// Enrols a gateway that says HTML wherever it can say anything, and returns its name.
pub(crate) async fn hostile_gateway(stack: &Stack) -> anyhow::Result<String> {
    const MARKUP: &str = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>";
    let gateway = Impostor::new(stack, "attack-markup").await?;
    let mut beat = heartbeat(1);
    beat["sandbox"]["phase"] = json!("failed");
    beat["sandbox"]["last_exit"] =
        json!({ "at": Utc::now().to_rfc3339(), "code": 1, "reason": MARKUP });
    beat["policy"]["state"] = json!("failed");
    beat["policy"]["detail"] = json!(MARKUP);
    beat["tedix_version"] = json!("<b>0</b>");
    beat["openclaw_version"] = json!("<i>0</i>");
    beat["models"] = json!([{ "provider": "<b>p</b>", "id": "<img src=x onerror=alert(1)>", "stand_in": false }]);
    beat["audit_head"] = json!({ "seq": 6, "hash": "a".repeat(64) });
    gateway.beat(&beat).await?.expect(200)?;
    // Its records go back, too.
    beat["sequence"] = json!(2);
    beat["audit_head"] = json!({ "seq": 2, "hash": "b".repeat(64) });
    gateway.beat(&beat).await?.expect(200)?;
    Ok(gateway.name)
}

/// A gateway that is none.
struct Impostor {
    registry: Registry,
    id: String,
    credential: String,
    name: String,
    operator: Registry,
}

impl Impostor {
    async fn new(stack: &Stack, name: &str) -> anyhow::Result<Self> {
        let enrolled = enrolled(stack, name).await?;
        let operator = stack.registry()?;
        Ok(Self {
            registry: operator.with(Credential::Bearer(enrolled.credential.clone())),
            id: enrolled.gateway_id.to_string(),
            credential: enrolled.credential,
            name: name.to_owned(),
            operator,
        })
    }

    async fn beat(&self, beat: &Value) -> anyhow::Result<Answer> {
        self.send("application/json", serde_json::to_vec(beat)?)
            .await
    }

    async fn send(&self, media: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        let path = format!("gateways/{}/heartbeat", self.id);
        self.registry.post(&path).body(media, body).send().await
    }

    /// The heartbeat that the registry shows of it.
    async fn seen(&self) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(
            self.operator.gateway(&self.name).await?.heartbeat,
        )?)
    }
}

/// A heartbeat that is as it should be.
pub(super) fn heartbeat(sequence: u64) -> Value {
    let now = Utc::now().to_rfc3339();
    json!({
        "boot_id": "0123456789abcdef", "sequence": sequence, "sent_at": now,
        "tedix_version": "0.0.0",
        "sandbox": { "phase": "ready", "since": now, "restarts": 0 },
        "policy": { "version": 1, "desired_hash": "0".repeat(64), "state": "applied" },
        "budget": { "tokens_used": 0, "resets_at": now },
        "models": [], "pointers": {},
    })
}
