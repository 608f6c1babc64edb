//! Turns of real OpenClaw in each way that models are called, and how it takes each
//! refusal of the gateway and of a provider.

mod reactions;
mod retries;
mod shapes;
mod talk;

use libtest_mimic::Trial;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "turns::each_api_streams_calls_a_tool_and_is_counted_as_it_bills",
            async |stack| shapes::run(stack).await,
        ),
        world.trial(
            "turns::each_refusal_is_told_to_the_user_and_does_not_last",
            async |stack| reactions::run(stack).await,
        ),
    ]
}
