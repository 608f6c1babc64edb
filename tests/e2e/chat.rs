//! Turns through the front doors, in which the stand-in model calls tools.

use anyhow::ensure;
use domain::policy::tools::ToolPattern;
use domain::wire::gateway::{Page, UsageRow};
use e2e::client::Gateway;
use e2e::stack::{COMPANY, PERSONAL};
use e2e::wait;
use libtest_mimic::Trial;

use crate::stage::World;

/// The sum is worked out by a shell, so the answer shows that one ran.
pub(crate) const RUN_A_COMMAND: &str = r#"/tool exec {"command":"id -un; echo ran-$((40 + 2))"}"#;
/// What a shell makes of it.
pub(crate) const COMMAND_RAN: &str = "ran-42";

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "chat::denied_exec_is_refused_on_company_and_runs_on_personal",
            async |stack| {
                let (company, personal) = (stack.gateway(COMPANY)?, stack.gateway(PERSONAL)?);
                deny_exec(&company).await?;
                let refused = company.turn(RUN_A_COMMAND).await?;
                ensure!(!refused.contains(COMMAND_RAN), "the command ran: {refused}");
                ensure!(
                    refused.contains("not found"),
                    "not refused as a missing tool: {refused}"
                );
                let ran = personal.turn(RUN_A_COMMAND).await?;
                ensure!(ran.contains(COMMAND_RAN), "the command did not run: {ran}");
                ensure!(
                    ran.contains("openclaw"),
                    "it did not run as OpenClaw's own user: {ran}"
                );
                Ok(())
            },
        ),
        world.trial("chat::openclaw_itself_reports_the_deny", async |stack| {
            let company = stack.gateway(COMPANY)?;
            deny_exec(&company).await?;
            let effective: domain::wire::gateway::EffectivePolicy =
                company.get("policy/effective").send().await?.json(200)?;
            ensure!(effective.valid && effective.applied, "{effective:?}");
            let denied = effective
                .config
                .pointer("/tools/deny")
                .and_then(|list| list.as_array());
            ensure!(
                denied.is_some_and(|list| list.iter().any(|tool| tool == "exec")),
                "OpenClaw reports {}",
                effective.config
            );
            Ok(())
        }),
        world.trial("chat::an_answer_streams", async |stack| {
            let personal = stack.gateway(PERSONAL)?;
            let body = serde_json::json!({
                "model": "openclaw", "stream": true,
                "messages": [{ "role": "user", "content": "/say streamed word by word" }],
            });
            let answer = personal
                .door
                .post("/v1/chat/completions")
                .json(&body)
                .send()
                .await?
                .expect(200)?;
            let media = answer.header("content-type").unwrap_or_default();
            ensure!(media.starts_with("text/event-stream"), "{media}");
            let text = answer.text();
            ensure!(
                text.contains("data: ") && text.trim_end().ends_with("data: [DONE]"),
                "{text}"
            );
            Ok(())
        }),
        world.trial("chat::tokens_are_counted_while_streaming", async |stack| {
            let personal = stack.gateway(PERSONAL)?;
            let before = personal.status().await?.budget.tokens_used;
            personal.turn("/say counted\n/tokens 12345 678").await?;
            // Counting ends a moment after the answer has.
            wait::until("the turn to be counted", wait::HEARTBEATS, async || {
                let used = personal.status().await?.budget.tokens_used - before;
                let usage: Page<UsageRow> = personal.get("usage").send().await?.json(200)?;
                let of_provider = usage.items.iter().filter(|row| row.provider == "openai");
                let output: u64 = of_provider.map(|row| row.output_tokens).sum();
                Ok((used >= 13_023 && output >= 678).then_some(()))
            })
            .await
        }),
        world.trial(
            "chat::a_spent_budget_is_said_and_a_raised_one_works_at_once",
            async |stack| {
                let personal = stack.gateway(PERSONAL)?;
                let limit = personal.policy().await?.document.budgets.tokens_per_day;
                personal.turn("/say spent").await?;
                personal
                    .edit_policy(|policy| policy.budgets.tokens_per_day = Some(1))
                    .await?;
                let refused = personal.chat("/say this must not be said").send().await;
                personal
                    .edit_policy(|policy| policy.budgets.tokens_per_day = limit)
                    .await?;
                let refused = refused?.text();
                ensure!(
                    refused.to_lowercase().contains("budget"),
                    "the user is not told: {refused}"
                );
                ensure!(
                    !refused.contains("this must not be said"),
                    "the model was called: {refused}"
                );
                let allowed = personal.turn("/say good again").await?;
                ensure!(allowed.contains("good again"), "{allowed}");
                Ok(())
            },
        ),
    ]
}

/// Denies `exec`, if it is not denied already, and waits until that is in force.
pub(crate) async fn deny_exec(gateway: &Gateway) -> anyhow::Result<()> {
    let exec: ToolPattern = "exec".parse().map_err(anyhow::Error::msg)?;
    let deny = |policy: &mut domain::policy::Policy| {
        if !policy.tools.deny.contains(&exec) {
            policy.tools.deny.push(exec.clone());
        }
    };
    gateway.edit_policy(deny).await?;
    Ok(())
}
