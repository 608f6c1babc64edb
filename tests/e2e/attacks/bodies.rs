//! Bodies that are too large, too deep, or not what they say.

use anyhow::ensure;
use domain::wire::gateway::API_PREFIX;
use e2e::client::{Answer, Call};
use e2e::stack::{COMPANY, Stack};
use libtest_mimic::Trial;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::oversized_bodies_are_refused", async |stack| {
            let huge = format!("{{\"document\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
            for (what, call) in writes(stack)? {
                let answer = call.body("application/json", huge.clone()).send().await?;
                refused(&answer, &what, &[413])?;
                answer.problem(413, "too-large")?;
            }
            Ok(())
        }),
        world.trial(
            "attacks::bodies_that_are_no_json_are_refused",
            async |stack| {
                for body in [
                    "",
                    "{",
                    "null",
                    "[]",
                    "\"x\"",
                    "{}{}",
                    "{\"document\":",
                    "\u{feff}{}",
                    "nan",
                    "{\"a\":1e999}",
                ] {
                    for (what, call) in writes(stack)? {
                        // An empty object asks for a join token with every default.
                        let answer = call.body("application/json", body).send().await?;
                        refused(&answer, &format!("{what} {body:?}"), &[400, 422])?;
                    }
                }
                Ok(())
            },
        ),
        world.trial("attacks::deep_nesting_is_refused", async |stack| {
            for (open, close) in [("[", "]"), ("{\"document\":", "}")] {
                let deep = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
                for (what, call) in writes(stack)? {
                    let answer = call.body("application/json", deep.clone()).send().await?;
                    refused(&answer, &what, &[400, 413, 422])?;
                }
            }
            // Still there, and not started anew.
            stack.gateway(COMPANY)?.status().await?;
            Ok(())
        }),
        world.trial("attacks::other_media_types_are_refused", async |stack| {
            for media in [
                "text/plain",
                "application/xml",
                "application/jsonx",
                "application/x-www-form-urlencoded",
            ] {
                for (what, call) in writes(stack)? {
                    let answer = call.body(media, "{}").send().await?;
                    refused(&answer, &format!("{what} as {media}"), &[415])?;
                }
            }
            Ok(())
        }),
        world.trial(
            "attacks::other_methods_and_paths_are_refused",
            async |stack| {
                let gateway = stack.gateway(COMPANY)?.door;
                let registry = stack.registry()?.door;
                for (door, path) in [
                    (&gateway, "/_gateway/v1/status"),
                    (&gateway, "/_gateway/v1/policy"),
                    (&registry, "/api/v1/gateways"),
                ] {
                    let answer = door.call(reqwest::Method::DELETE, path).send().await?;
                    answer.problem(405, "method-not-allowed")?;
                }
                for (door, path) in [
                    (&gateway, "/_gateway/v1/nothing"),
                    (&gateway, "/_gateway/v1"),
                    (&gateway, "/_gateway/"),
                    (&gateway, "/_gateway/v2/status"),
                    (&registry, "/api/v1/nothing"),
                    (&registry, "/api/v1/gateways/gw_x/../../me/x"),
                ] {
                    door.get(path).send().await?.problem(404, "not-found")?;
                }
                Ok(())
            },
        ),
    ]
}

/// Every operation that takes a body, asked by the operator.
fn writes(stack: &Stack) -> anyhow::Result<Vec<(String, Call)>> {
    let company = stack.gateway(COMPANY)?;
    let registry = stack.registry()?;
    let gateway = |path: &str| (format!("{API_PREFIX}/{path}"), company.post(path));
    Ok(vec![
        (
            "PUT policy".to_owned(),
            company.put("policy").header("if-match", "\"v1\""),
        ),
        gateway("policy/diff"),
        gateway("policy/validate"),
        gateway("enrolment"),
        ("POST enroll".to_owned(), registry.post("enroll")),
    ])
}

fn refused(answer: &Answer, what: &str, statuses: &[u16]) -> anyhow::Result<()> {
    ensure!(
        statuses.contains(&answer.status),
        "{what} was answered {}: {}",
        answer.status,
        answer.excerpt()
    );
    Ok(())
}
