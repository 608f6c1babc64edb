//! What somebody can do who runs commands inside the container: an agent with
//! `exec` that was talked into attacking its own gateway.

mod escapes;

use anyhow::{Context, ensure};
use e2e::machine::files_with;
use e2e::stack::{PERSONAL, Stack};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::stage::World;

/// A folder of the checkout, which the container has no business in.
const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
/// Runs in the container, as OpenClaw's own user, by OpenClaw's `exec` tool.
const PROBE: &str = include_str!("container/probe.mjs");

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    let mut trials = vec![
        world.trial(
            "container::the_agent_runs_as_nobody_special",
            async |stack| {
                let seen = probe(stack).await?;
                ensure!(seen["uid"] == 1000, "{seen}");
                ensure!(
                    seen["init_environment"] == "EACCES",
                    "process 1's environment can be read: {seen}"
                );
                ensure!(
                    seen["write_config"] == "EACCES",
                    "the configuration can be written: {seen}"
                );
                ensure!(
                    seen["replace_config"] == "EACCES",
                    "the configuration can be replaced: {seen}"
                );
                ensure!(
                    seen["signal_init"] == "EPERM",
                    "process 1 can be signalled: {seen}"
                );
                Ok(())
            },
        ),
        world.trial(
            "container::governance_internal_answers_tedix_init_alone",
            async |stack| {
                let seen = probe(stack).await?;
                for attempt in [
                    "config_without",
                    "config_with_model_key",
                    "config_with_guess",
                    "report_without",
                ] {
                    let status = seen[attempt]["status"].as_u64();
                    ensure!(
                        matches!(status, Some(401 | 403)),
                        "{attempt}: {}",
                        seen[attempt]
                    );
                    let body = seen[attempt]["body"].as_str().unwrap_or_default();
                    ensure!(!body.contains("config_hash"), "{attempt}: {body}");
                }
                Ok(())
            },
        ),
        world.trial(
            "container::state_internal_answers_tedix_init_alone",
            async |stack| {
                let seen = probe(stack).await?;
                for attempt in [
                    "state_without",
                    "state_with_model_key",
                    "lease_with_model_key",
                ] {
                    ensure!(
                        seen[attempt]["status"] == 401,
                        "{attempt}: {}",
                        seen[attempt]
                    );
                }
                Ok(())
            },
        ),
        world.trial(
            "container::models_internal_takes_the_gateway_s_key_alone",
            async |stack| {
                let seen = probe(stack).await?;
                let refused = seen["models_without_key"]["status"].as_u64();
                ensure!(
                    matches!(refused, Some(401 | 403)),
                    "{}",
                    seen["models_without_key"]
                );
                ensure!(
                    seen["models_with_key"]["status"] == 200,
                    "{}",
                    seen["models_with_key"]
                );
                ensure!(
                    seen["models_elsewhere"]["status"]
                        .as_u64()
                        .is_none_or(|s| s >= 400),
                    "{}",
                    seen["models_elsewhere"]
                );
                Ok(())
            },
        ),
        world.trial(
            "container::nothing_else_is_reached_from_it",
            async |stack| {
                let seen = probe(stack).await?;
                for target in [
                    "internet",
                    "internet_by_name",
                    "metadata",
                    "registry",
                    "issuer",
                    "model_server",
                ] {
                    ensure!(
                        seen[target]["status"].is_null(),
                        "{target} answers: {}",
                        seen[target]
                    );
                }
                // The gateway's own governance API is not reached by another name either.
                ensure!(
                    seen["self_by_ip"]["status"]
                        .as_u64()
                        .is_none_or(|s| s >= 400),
                    "{}",
                    seen["self_by_ip"]
                );
                Ok(())
            },
        ),
        world.trial(
            "container::the_host_s_files_are_not_in_sight",
            async |stack| {
                let seen = probe(stack).await?;
                for path in ["/root", "/home", "/tmp", "/data", "/"] {
                    let names = seen["folders"][path].to_string();
                    for foreign in ["tedix-e2e-", "Cargo.toml", ".cargo", ".ssh", ".rustup"] {
                        ensure!(!names.contains(foreign), "{path} shows {foreign}: {names}");
                    }
                }
                ensure!(seen["checkout"] != "there", "{CHECKOUT} is in sight");
                Ok(())
            },
        ),
        world.trial(
            "container::the_provider_s_key_is_nowhere_in_it_nor_in_a_log",
            async |stack| {
                let real = std::fs::read_to_string(&stack.ready.model.key).with_context(|| {
                    format!("{} cannot be read", stack.ready.model.key.display())
                })?;
                let real = real.trim();
                ensure!(
                    real.len() >= 20,
                    "a key of {} characters is too short to look for",
                    real.len()
                );
                // The key is in use: a turn goes through.
                stack.gateway(PERSONAL)?.turn("/say keys").await?;
                let container = stack.container(PERSONAL)?;
                ensure!(
                    container.model_key()? != real,
                    "the container holds the provider's key"
                );
                let places = container.places_with(real)?;
                ensure!(places.is_empty(), "the provider's key is in {places:?}");
                // The search would have found it: the container's own key is there.
                let own = container.places_with(&container.model_key()?)?;
                ensure!(!own.is_empty(), "the search finds nothing at all");
                let logs: Vec<_> = files_with(stack.state(), real)
                    .into_iter()
                    .chain(files_with(stack.process.log(), real))
                    .filter(|path| *path != stack.ready.model.key)
                    .collect();
                ensure!(logs.is_empty(), "the provider's key is in {logs:?}");
                Ok(())
            },
        ),
        world.trial(
            "container::credentials_are_in_no_log_and_no_database",
            async |stack| {
                let container = stack.container(PERSONAL)?;
                let token = stack.registry()?.join_token(None).await?.token;
                for secret in [container.init_credential()?, token, stack.operator_token()] {
                    let found = files_with(stack.state(), &secret);
                    ensure!(found.is_empty(), "a credential is in {found:?}");
                    ensure!(
                        files_with(stack.process.log(), &secret).is_empty(),
                        "a credential is in the log"
                    );
                }
                let argv = e2e::machine::descendants(stack.process.pid());
                for secret in [container.init_credential()?, container.model_key()?] {
                    let shown = argv
                        .iter()
                        .find(|process| process.command.contains(&secret));
                    ensure!(
                        shown.is_none(),
                        "a credential is in the arguments of {shown:?}"
                    );
                }
                Ok(())
            },
        ),
    ];
    trials.extend(escapes::trials(world));
    trials
}

/// What the probe sees.
async fn probe(stack: &Stack) -> anyhow::Result<Value> {
    let addresses = serde_json::json!({
        "registry": stack.ready.registry.url,
        "issuer": stack.ready.issuer.url,
        "model_server": stack.ready.model.url,
        "checkout": CHECKOUT,
    });
    let source = PROBE.replace("__ADDRESSES__", &addresses.to_string());
    // One line of base64: no quoting to get wrong between here and a shell.
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, source);
    let command = format!("echo {encoded} | base64 -d > probe.mjs && /opt/node/bin/node probe.mjs");
    let call = serde_json::json!({ "command": command });
    let answer = stack
        .gateway(PERSONAL)?
        .turn(&format!("/tool exec {call}"))
        .await?;
    let (_, report) = answer
        .split_once("PROBE:")
        .with_context(|| format!("the probe did not run: {answer}"))?;
    let (report, _) = report
        .split_once(":EBORP")
        .with_context(|| format!("the probe was cut off: {answer}"))?;
    serde_json::from_str(report).with_context(|| format!("the probe said {report}"))
}
