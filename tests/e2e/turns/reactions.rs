//! How OpenClaw takes each refusal: it is told to the user, it costs one call, and the
//! next turn after it is over works at once.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use chrono::{TimeDelta, Timelike, Utc};
use domain::wire::usage::RefusalReason;
use e2e::client::Gateway;
use e2e::openclaw::Told;
use e2e::stack::{PERSONAL, Stack};
use e2e::wait;
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::retries;
use super::talk::{COMPLETIONS, MESSAGES, RESPONSES, refused, save, tell};
use crate::chat::{COMMAND_RAN, RUN_A_COMMAND};
use crate::stage::PLENTY;

/// Agents that call models in each of the ways.
pub(super) const AGENTS: [&str; 3] = [COMPLETIONS.agent, RESPONSES.agent, MESSAGES.agent];
/// An agent whose model has no price.
pub(super) const UNPRICED: &str = "main";
/// What a refused turn asks for.
const REFUSED: &str = "/say NEVER-SAID";
/// A refused call, and what the user has to hear of it.
struct Row<'a> {
    reason: RefusalReason,
    says: &'a [&'a str],
}

pub(super) async fn run(stack: &Stack) -> anyhow::Result<()> {
    let gateway = stack.gateway(PERSONAL)?;
    let before = gateway.policy().await?.document;
    let outcome = rows(stack, &gateway).await;
    let back = gateway.edit_policy(|policy| {
        *policy = before;
        // These turns alone use about what a new gateway may in a day.
        policy.budgets.tokens_per_day = Some(PLENTY);
    });
    back.await?;
    outcome
}

async fn rows(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let version = save(gateway, json!({}), &BTreeMap::new()).await?;
    gateway.applied(version).await?;
    works(stack, &AGENTS, "/tokens 100 10 /say before").await?;
    budget(stack, gateway).await.context("the day's budget")?;
    task(stack, gateway).await.context("calls per task")?;
    price(stack, gateway).await.context("no price")?;
    stop(stack, gateway).await.context("all stopped")?;
    account(stack, gateway).await.context("the account there")?;
    retries::run(stack, gateway).await
}

/// Said with what is used, until when and what to do; an extension and the next day help
/// at once.
async fn budget(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let spent = each(&json!({ "tokens_per_day": 1 }));
    save(gateway, json!({}), &spent).await?;
    let row = Row {
        reason: RefusalReason::Budget,
        says: &[
            "Daily budget exhausted",
            " of 1 tokens of agent ",
            "resets at",
            "(UTC)",
            "an operator can extend it",
        ],
    };
    row.refuses(stack, gateway, &AGENTS, REFUSED).await?;
    // A zone in which it is another day than in UTC.
    let elsewhere = if Utc::now().hour() >= 10 {
        "Pacific/Kiritimati"
    } else {
        "Pacific/Pago_Pago"
    };
    save(gateway, json!({ "time_zone": elsewhere }), &spent).await?;
    works(stack, &AGENTS, "/say another day").await?;
    save(gateway, json!({}), &spent).await?;
    for agent in AGENTS {
        let until = Utc::now() + TimeDelta::minutes(10);
        let more = json!({ "agent": agent, "tokens": 1_000_000, "until": until });
        let granted = gateway.post("budgets/extensions").json(&more);
        granted.send().await?.json::<Value>(201)?;
    }
    works(stack, &AGENTS, "/say extended").await
}

/// Said in the middle of the task; the next message is a task of its own.
async fn task(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    save(gateway, json!({}), &each(&json!({ "calls_per_task": 1 }))).await?;
    let row = Row {
        reason: RefusalReason::CallsPerTask,
        says: &["Usage limit reached", "1 model calls", "your next message"],
    };
    row.refuses(stack, gateway, &AGENTS, RUN_A_COMMAND).await?;
    works(stack, &AGENTS, "/say next task").await
}

async fn price(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    let costs = json!({ "cost_per_day_micro_usd": 1_000_000_000 });
    save(gateway, costs, &BTreeMap::new()).await?;
    let row = Row {
        reason: RefusalReason::NoPrice,
        says: &["Usage limit reached", "has no price", "An admin"],
    };
    row.refuses(stack, gateway, &[UNPRICED], REFUSED).await?;
    save(gateway, json!({}), &BTreeMap::new()).await?;
    works(stack, &[UNPRICED], "/say free again").await
}

async fn stop(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    gateway.post("models/stop").send().await?.expect(200)?;
    let row = Row {
        reason: RefusalReason::Stopped,
        says: &[
            "Usage limit reached",
            "has stopped all model calls",
            "resets",
        ],
    };
    let refused = row.refuses(stack, gateway, &AGENTS, REFUSED).await;
    let lift = "/_gateway/v1/models/stop";
    let lifted = gateway.door.call(Method::DELETE, lift).send().await?;
    lifted.expect(200)?;
    refused?;
    works(stack, &AGENTS, "/say on again").await
}

/// A key that the provider does not accept, and an account out of credit: OpenClaw, which
/// would not ask again for minutes, hears of a limit.
async fn account(stack: &Stack, gateway: &Gateway) -> anyhow::Result<()> {
    save(gateway, json!({}), &BTreeMap::new()).await?;
    for (fail, says) in [
        (
            "/fail 401 /say NEVER-SAID",
            "does not accept the gateway's key",
        ),
        ("/fail 402 /say NEVER-SAID", "has run out of credit"),
    ] {
        let row = Row {
            reason: RefusalReason::Provider,
            says: &["Usage limit reached", says, "operator of this gateway"],
        };
        row.refuses(stack, gateway, &AGENTS, fail)
            .await
            .context(says)?;
        works(stack, &AGENTS, "/say paid").await.context(says)?;
    }
    Ok(())
}

impl Row<'_> {
    /// A turn of each agent is refused, for one call each.
    async fn refuses(
        &self,
        stack: &Stack,
        gateway: &Gateway,
        agents: &[&str],
        message: &str,
    ) -> anyhow::Result<()> {
        let turns = agents.iter().map(|agent| async move {
            let before = refused(gateway, agent, self.reason).await?;
            let told = tell(stack, agent, message).await?;
            let Told {
                text,
                failed,
                payload,
            } = &told;
            let said = self.says.iter().all(|words| text.contains(words));
            let done = text.contains("NEVER-SAID") || text.contains(COMMAND_RAN);
            ensure!(*failed && said && !done, "{agent} is told {payload}");
            // They are written down some time after.
            let after = wait::until("the refusal to be counted", wait::HEARTBEATS, async || {
                let after = refused(gateway, agent, self.reason).await?;
                Ok((after > before).then_some(after))
            })
            .await?;
            ensure!(
                after == before + 1,
                "{agent} tried {} times",
                after - before
            );
            Ok(())
        });
        try_join_all(turns).await?;
        Ok(())
    }
}

/// A turn of each agent is answered with the last words of the message.
async fn works(stack: &Stack, agents: &[&str], message: &str) -> anyhow::Result<()> {
    let (_, words) = message.split_once("/say ").context("nothing to say")?;
    let turns = agents.iter().map(|agent| async move {
        let told = tell(stack, agent, message).await?;
        let right = !told.failed && told.text.contains(words);
        ensure!(right, "{agent} is not answered {words:?}: {}", told.payload);
        Ok(())
    });
    try_join_all(turns).await?;
    Ok(())
}

/// The same limits for each agent.
fn each(limits: &Value) -> BTreeMap<&'static str, Value> {
    AGENTS.map(|agent| (agent, limits.clone())).into()
}
