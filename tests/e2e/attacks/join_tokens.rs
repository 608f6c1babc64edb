//! Join tokens: used once, for a short time, and not to be guessed.

use std::time::Duration;

use anyhow::ensure;
use domain::wire::registry::Enrolled;
use e2e::client::{Answer, Registry};
use e2e::stack::Stack;
use futures_util::future::join_all;
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::sleep;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::a_join_token_works_once", async |stack| {
            let registry = stack.registry()?;
            let token = registry.join_token(None).await?.token;
            let enrolled = enroll(&registry, &token, "attack-once").await?;
            let _: Enrolled = enrolled.json(201)?;
            let again = enroll(&registry, &token, "attack-again").await?;
            refused(&again)?;
            absent(stack, "attack-again").await
        }),
        world.trial("attacks::of_many_who_use_a_join_token_at_once_one_gets_in", async |stack| {
            let registry = stack.registry()?;
            let token = registry.join_token(None).await?.token;
            let tries = (0..20).map(|number| {
                let (registry, token) = (&registry, &token);
                async move { enroll(registry, token, &format!("attack-race-{number}")).await }
            });
            let answers: Vec<Answer> = join_all(tries).await.into_iter().collect::<anyhow::Result<_>>()?;
            let taken = answers.iter().filter(|answer| answer.status == 201).count();
            ensure!(taken == 1, "{taken} got in with one token");
            let enrolled = registry.gateways().await?;
            let enrolled = enrolled.iter().filter(|one| one.name.as_str().starts_with("attack-race-")).count();
            ensure!(enrolled == 1, "{enrolled} are in the registry");
            Ok(())
        }),
        world.trial("attacks::a_join_token_expires", async |stack| {
            let registry = stack.registry()?;
            let token = registry.join_token(Some(30)).await?;
            let left = token.expires_at - chrono::Utc::now();
            sleep(left.to_std().unwrap_or_default() + Duration::from_secs(1)).await;
            refused(&enroll(&registry, &token.token, "attack-late").await?)?;
            absent(stack, "attack-late").await
        }),
        world.trial("attacks::a_join_token_is_not_guessed_from_a_part_of_it", async |stack| {
            let registry = stack.registry()?;
            let token = registry.join_token(None).await?.token;
            for guess in [
                String::new(),
                " ".to_owned(),
                "tjt_".to_owned(),
                "%".to_owned(),
                "tjt_%".to_owned(),
                "' OR '1'='1".to_owned(),
                "x' UNION SELECT token_hash FROM join_tokens --".to_owned(),
                token.chars().take(20).collect(),
                token.chars().take(token.len() - 1).collect(),
                format!("{token} "),
                format!(" {token}"),
                format!("{token}\n"),
                format!("{token}\u{0}"),
                format!("{token}x"),
                token.to_uppercase(),
                token.trim_start_matches("tjt_").to_owned(),
                "x".repeat(10_000),
            ] {
                refused(&enroll(&registry, &guess, "attack-guess").await?)?;
            }
            absent(stack, "attack-guess").await?;
            // None of that used it up.
            enroll(&registry, &token, "attack-guess-right").await?.expect(201)?;
            Ok(())
        }),
        world.trial("attacks::nobody_and_strangers_get_no_join_token", async |stack| {
            let registry = stack.registry()?;
            let nobody = registry.anonymous().post("join-tokens").json(&json!({})).send().await?;
            nobody.problem(401, "unauthenticated")?;
            let token = stack.forge()?.genuine("stranger@localhost.test")?;
            let stranger = registry.with(e2e::client::Credential::AccessHeader(token));
            stranger.post("join-tokens").json(&json!({})).send().await?.problem(403, "forbidden")?;
            for (pointer, body) in [
                ("/ttl_seconds", json!({ "ttl_seconds": 29 })),
                ("/ttl_seconds", json!({ "ttl_seconds": 3601 })),
                ("/ttl_seconds", json!({ "ttl_seconds": -1 })),
                ("/name", json!({ "name": "Not A Name" })),
                ("", json!({ "scopes": ["admin"] })),
            ] {
                let answer = registry.post("join-tokens").json(&body).send().await?;
                let problem = answer.problem(422, "invalid")?;
                ensure!(problem.errors.iter().any(|error| error.pointer.starts_with(pointer)), "{body}: {problem:?}");
            }
            Ok(())
        }),
        world.trial("attacks::a_gateway_enrols_under_its_own_name_and_a_plain_address", async |stack| {
            let registry = stack.registry()?;
            let token = registry.join_token(None).await?.token;
            for url in [
                "javascript:alert(1)",
                "data:text/html,x",
                "http://user:password@localhost:1",
                "http://localhost:1/path",
                "http://localhost:1?q",
                "http://localhost:1#f",
                "http://169.254.169.254",
                "http://[fe80::1]",
                "ftp://localhost",
                "//localhost",
                "http://",
                "http://<b>",
                "",
            ] {
                let body = json!({
                    "join_token": token, "name": "attack-address", "url": url, "tedix_version": "0.0.0",
                });
                let problem = registry.post("enroll").json(&body).send().await?.problem(422, "invalid")?;
                ensure!(problem.errors.iter().any(|error| error.pointer == "/url"), "{url}: {problem:?}");
            }
            for name in ["<img src=x onerror=alert(1)>", "a b", "UPPER", "", "-a", "..", "a/../b", "\u{430}"] {
                let body = json!({
                    "join_token": token, "name": name, "url": "http://localhost:1", "tedix_version": "0.0.0",
                });
                let problem = registry.post("enroll").json(&body).send().await?.problem(422, "invalid")?;
                ensure!(problem.errors.iter().any(|error| error.pointer == "/name"), "{name}: {problem:?}");
            }
            // A name that is taken stays with its gateway.
            let taken = enroll(&registry, &token, e2e::stack::COMPANY).await?;
            ensure!((400..500).contains(&taken.status), "a second gateway took the name: {}", taken.status);
            let company = registry.gateway(e2e::stack::COMPANY).await?;
            ensure!(company.url == stack.ready_gateway(e2e::stack::COMPANY)?.url);
            Ok(())
        }),
    ]
}

async fn enroll(registry: &Registry, token: &str, name: &str) -> anyhow::Result<Answer> {
    // Nobody is signed in where a gateway enrols: the token is all it has.
    registry
        .anonymous()
        .enroll(token, name, "http://localhost:1")
        .await
}

fn refused(answer: &Answer) -> anyhow::Result<()> {
    ensure!(
        [401, 403, 410, 413, 422].contains(&answer.status),
        "answered {}: {}",
        answer.status,
        answer.excerpt()
    );
    ensure!(
        !answer.text().contains("credential\""),
        "a refusal with a credential: {}",
        answer.excerpt()
    );
    Ok(())
}

async fn absent(stack: &Stack, name: &str) -> anyhow::Result<()> {
    let gateways = stack.registry()?.gateways().await?;
    ensure!(
        !gateways.iter().any(|gateway| gateway.name.as_str() == name),
        "{name} is in the registry"
    );
    Ok(())
}
