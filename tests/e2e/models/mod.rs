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
        world.trial_apart(
            "models::a_budget_is_neither_overshot_nor_starved_nor_lost_by_kill_9",
            async |environment| storm::run(environment).await,
        ),
        world.trial_apart(
            "models::whatever_a_provider_sends_is_bounded_and_counted",
            async |environment| hostile::run(environment).await,
        ),
        world.trial_apart(
            "models::a_browser_keeps_to_its_sessions_and_minutes",
            async |environment| browser::run(environment).await,
        ),
        world.trial_apart(
            "models::calls_end_with_the_client_and_with_the_kill_switch",
            async |environment| endings::run(environment).await,
        ),
        world.trial_apart(
            "models::hours_that_are_over_are_in_the_registry_once",
            async |environment| rollup::run(environment).await,
        ),
    ]
}
