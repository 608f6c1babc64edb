//! Model calls through a gateway Worker by itself, with a model server that does
//! what it is told: budgets under load and across a kill, hostile providers, and
//! calls that end before their time; and browser sessions, with a real Chromium.

mod browser;
mod endings;
mod hostile;
mod lone;
mod rollup;
mod storm;

use libtest_mimic::Trial;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.stage_trial(
            "models::a_budget_is_neither_overshot_nor_starved_nor_lost_by_kill_9",
            async |stage| storm::run(&stage.environment()?).await,
        ),
        world.stage_trial(
            "models::whatever_a_provider_sends_is_bounded_and_counted",
            async |stage| hostile::run(&stage.environment()?).await,
        ),
        world.stage_trial(
            "models::a_browser_keeps_to_its_sessions_and_minutes",
            async |stage| browser::run(&stage.environment()?).await,
        ),
        world.stage_trial(
            "models::calls_end_with_the_client_and_with_the_kill_switch",
            async |stage| endings::run(&stage.environment()?).await,
        ),
        world.stage_trial(
            "models::hours_that_are_over_are_in_the_registry_once",
            async |stage| rollup::run(&stage.environment()?).await,
        ),
    ]
}
