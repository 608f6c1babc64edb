//! Ctrl-C, and starting again; and an end without warning.

use std::time::Duration;

use anyhow::ensure;
use e2e::stack::{COMPANY, PERSONAL};
use e2e::wait;
use libtest_mimic::Trial;

use crate::chat::{COMMAND_RAN, RUN_A_COMMAND, deny_exec};
use crate::stage::World;

/// Long enough for the kernel to clear up after killed processes.
const GONE: Duration = Duration::from_secs(30);

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.stage_trial(
            "restart::ctrl_c_leaves_nothing_and_the_policy_is_there_afterwards",
            async |stage| {
                let before = {
                    let company = stage.stack().await?.gateway(COMPANY)?;
                    deny_exec(&company).await?;
                    company.policy().await?
                };
                let stack = stage.take_stack().await?;
                let traces = stack.traces()?;
                stack.stop().await?;
                let left = traces.leftovers();
                ensure!(left.is_empty(), "Ctrl-C left behind:\n{left}");

                stage.start().await?;
                let stack = stage.stack().await?;
                let after = stack.gateway(COMPANY)?.policy().await?;
                ensure!(after == before, "{before:?} became {after:?}");
                Ok(())
            },
        ),
        world.trial(
            "restart::both_gateways_are_online_again_under_their_old_ids",
            async |stack| {
                let registry = stack.registry()?;
                for name in [PERSONAL, COMPANY] {
                    wait::until("a gateway to be online", wait::HEARTBEATS, async || {
                        Ok(registry.is_online(name).await?.then_some(()))
                    })
                    .await?;
                    let of_name = registry.gateways().await?;
                    let count = of_name
                        .iter()
                        .filter(|gateway| gateway.name.as_str() == name)
                        .count();
                    ensure!(count == 1, "{name} is {count} times in the registry");
                }
                Ok(())
            },
        ),
        world.trial("restart::the_deny_still_holds", async |stack| {
            let company = stack.gateway(COMPANY)?;
            let policy = company.policy().await?.document;
            ensure!(
                policy.tools.deny.iter().any(|tool| tool.as_str() == "exec"),
                "{policy:?}"
            );
            let refused = company.turn(RUN_A_COMMAND).await?;
            ensure!(
                refused.contains("not found") && !refused.contains(COMMAND_RAN),
                "{refused}"
            );
            let ran = stack.gateway(PERSONAL)?.turn(RUN_A_COMMAND).await?;
            ensure!(ran.contains(COMMAND_RAN), "{ran}");
            Ok(())
        }),
    ]
}

/// Ends the stack without warning, so it comes last.
pub(crate) fn last_trials(world: &World) -> Vec<Trial> {
    vec![world.stage_trial(
        "restart::kill_9_of_dev_itself_leaves_nothing_running",
        async |stage| {
            let mut stack = stage.take_stack().await?;
            let traces = stack.traces()?;
            stack.process.kill()?;
            stack.process.ended(GONE).await?;
            let outcome = wait::until("everything to be gone", GONE, async || {
                Ok(traces.running().is_empty().then_some(()))
            });
            let outcome = outcome.await;
            let left = traces.running();
            ensure!(outcome.is_ok(), "kill -9 left behind:\n{left}");
            Ok(())
        },
    )]
}
