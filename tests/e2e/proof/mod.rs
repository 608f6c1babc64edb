//! Proof per clause: each clause of the policy is left out and put in, the thing
//! is tried, and the difference is seen. `domain/src/policy/coverage/table/`
//! names the test of each clause that is proven here, and a test of the domain
//! holds that table to the pointers in this folder.

mod budgets;
mod jobs;
mod ledger;
mod recovery;
mod scene;
mod subagents;
mod tools;
mod workspace;

use std::fmt::Write;

use anyhow::ensure;
use e2e::client::Gateway;
use e2e::stack::{PERSONAL, Stack};
use libtest_mimic::Trial;

use crate::stage::{PLENTY, World};

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("proof::model_calls_keep_to_each_limit", async |stack| {
            restored(stack, budgets::prove).await
        }),
        world.trial("proof::what_governs_the_policy_itself", async |stack| {
            restored(stack, ledger::prove).await
        }),
        world.trial(
            "proof::openclaw_s_tools_follow_each_clause",
            async |stack| restored(stack, tools::prove).await,
        ),
        world.trial(
            "proof::closed_files_of_the_workspace_wait_for_a_person",
            async |stack| restored(stack, workspace::prove).await,
        ),
        world.trial(
            "proof::a_change_that_harms_is_undone_within_its_window",
            async |stack| restored(stack, recovery::prove).await,
        ),
    ]
}

/// Runs a proof against `personal` and puts its policy back, whatever came of it.
async fn restored(
    stack: &Stack,
    prove: impl AsyncFnOnce(&Stack, &Gateway, &mut Proof) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let gateway = stack.gateway(PERSONAL)?;
    let before = gateway.policy().await?.document;
    let mut proof = Proof::default();
    let outcome = prove(stack, &gateway, &mut proof).await;
    let back = gateway.edit_policy(|policy| {
        *policy = before;
        // The proofs alone use more than a new gateway may in a day.
        policy.budgets.tokens_per_day = Some(PLENTY);
    });
    let back = back.await;
    outcome?;
    back?;
    proof.finish()
}

/// What was seen of each clause.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    seen: usize,
    failures: String,
}

impl Proof {
    /// Notes what a try showed, and whether that is what the clause says.
    pub(crate) fn note(&mut self, clause: &str, state: &str, right: bool, seen: &str) {
        self.seen += 1;
        if !right {
            let short: String = seen.chars().take(700).collect();
            // Writing to a String does not fail.
            let _ = write!(self.failures, "\n{clause}, {state}: {short}");
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        ensure!(self.seen > 0, "nothing was tried");
        ensure!(
            self.failures.is_empty(),
            "not as the policy says:{}",
            self.failures
        );
        Ok(())
    }
}
