//! The issuer's keys cannot be had, or somebody makes us fetch them.

use anyhow::ensure;
use e2e::client::Credential;
use e2e::lone_registry::LoneRegistry;
use e2e::wait;
use futures_util::future::join_all;
use libtest_mimic::Trial;
use serde_json::json;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.stage_trial("attacks::the_key_endpoint_is_down", async |stage| {
            let lone = LoneRegistry::start(&stage.environment()?, false).await?;
            let genuine = lone.forge.genuine("operator@localhost.test")?;
            let ask = async || {
                let caller = lone
                    .registry
                    .with(Credential::AccessHeader(genuine.clone()));
                caller.get("me").send().await
            };
            for _ in 0..3 {
                let answer = ask().await?;
                ensure!(
                    [401, 503].contains(&answer.status),
                    "let in without keys: {}",
                    answer.status
                );
            }
            ensure!(lone.keys.asked() >= 1, "it did not even ask for the keys");
            lone.keys.set_up(true);
            wait::until("the keys to be fetched", wait::APPLY, async || {
                Ok((ask().await?.status == 200).then_some(()))
            })
            .await?;
            // What is known stays good for a while; what is not is not let in.
            lone.keys.set_up(false);
            ask().await?.expect(200)?;
            let unknown = lone.forge.with_header(json!({ "kid": "unknown" }))?;
            let unknown = lone.registry.with(Credential::AccessHeader(unknown));
            let answer = unknown.get("me").send().await?;
            ensure!([401, 503].contains(&answer.status), "{}", answer.status);
            Ok(())
        }),
        world.stage_trial(
            "attacks::a_flood_of_unknown_keys_fetches_once",
            async |stage| {
                let lone = LoneRegistry::start(&stage.environment()?, true).await?;
                let genuine = lone.forge.genuine("operator@localhost.test")?;
                let genuine = lone.registry.with(Credential::AccessHeader(genuine));
                genuine.get("me").send().await?.expect(200)?;
                let before = lone.keys.asked();
                let flood = (0..300).map(|number| {
                    let token = lone
                        .forge
                        .with_header(json!({ "kid": format!("unknown-{number}") }));
                    let registry = &lone.registry;
                    async move {
                        let caller = registry.with(Credential::AccessHeader(token?));
                        caller
                            .get("me")
                            .send()
                            .await?
                            .problem(401, "unauthenticated")
                    }
                });
                for outcome in join_all(flood).await {
                    outcome?;
                }
                // One more if the flood lasted longer than the pause between two fetches.
                let asked = lone.keys.asked() - before;
                ensure!(asked <= 2, "300 unknown keys made it fetch {asked} times");
                genuine.get("me").send().await?.expect(200)?;
                Ok(())
            },
        ),
    ]
}
