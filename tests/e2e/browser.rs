//! The main job in a real browser.

use domain::wire::openclaw::OPENCLAW_VERSION;
use e2e::browser;
use e2e::stack::{COMPANY, PERSONAL, Stack};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::attacks::hostile_gateway;
use crate::stage::{Stage, World};

/// Somebody else whom Access knows.
const SECOND: &str = "second@localhost.test";

pub(crate) fn before_restart(world: &World) -> Vec<Trial> {
    vec![
        script(world, "browser::the_main_job", "main-job"),
        script(world, "browser::two_people_edit_at_once", "conflict"),
        script(world, "browser::what_is_spent_is_shown", "usage"),
        script(
            world,
            "browser::a_policy_is_asked_tested_proposed_to_and_restored",
            "governance",
        ),
        script(
            world,
            "browser::what_a_version_and_a_clone_would_lead_to_is_said_before",
            "state",
        ),
    ]
}

pub(crate) fn after_restart(world: &World) -> Vec<Trial> {
    vec![
        script(
            world,
            "browser::the_policy_is_still_there_after_a_restart",
            "after-restart",
        ),
        world.stage_trial(
            "browser::what_a_hostile_gateway_says_is_shown_as_text",
            async |stage| {
                let environment = stage.environment()?;
                let stack = stage.stack().await?;
                let name = hostile_gateway(stack).await?;
                let mut input = input(stack)?;
                input["hostile"] = json!(name);
                browser::run(&environment, "hostile-gateway", &input).await
            },
        ),
    ]
}

fn script(world: &World, name: &str, script: &'static str) -> Trial {
    world.stage_trial(name, async move |stage: &mut Stage| {
        let environment = stage.environment()?;
        let input = input(stage.stack().await?)?;
        browser::run(&environment, script, &input).await
    })
}

/// What a script is told.
fn input(stack: &Stack) -> anyhow::Result<Value> {
    Ok(json!({
        "registry": stack.ready.registry.url,
        "issuer": stack.ready.issuer.url,
        "personal": stack.ready_gateway(PERSONAL)?.url,
        "company": stack.ready_gateway(COMPANY)?.url,
        "operator": stack.ready.operator,
        "token": stack.operator_token(),
        "second": SECOND,
        "second_token": stack.forge()?.genuine(SECOND)?,
        "openclaw_version": OPENCLAW_VERSION,
    }))
}
