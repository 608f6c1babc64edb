//! Pages that somebody frames, sniffs or injects into.

use anyhow::ensure;
use e2e::client::{Answer, Api};
use e2e::stack::{COMPANY, PERSONAL};
use libtest_mimic::Trial;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::no_page_can_be_framed", async |stack| {
            let registry = stack.registry()?.door;
            let gateway = stack.gateway(PERSONAL)?.door;
            let issuer = Api::new(&stack.ready.issuer.url)?;
            for (door, path) in [
                (&registry, "/"),
                (&registry, "/gateways/x"),
                (&registry.anonymous(), "/"),
                (&registry, "/api/v1/me"),
                (&gateway, "/"),
                (&gateway, "/chat"),
                (&gateway, "/_gateway/v1/status"),
                (&gateway.anonymous(), "/"),
                (&issuer, "/cdn-cgi/access/logout"),
            ] {
                let answer = door.get(path).header("accept", "text/html").send().await?;
                if !(300..400).contains(&answer.status) {
                    ensure!(
                        refuses_frames(&answer),
                        "{} can be framed: {:?}",
                        answer.asked,
                        answer.headers
                    );
                    ensure!(
                        answer.header("x-content-type-options") == Some("nosniff"),
                        "{} can be sniffed",
                        answer.asked
                    );
                }
            }
            Ok(())
        }),
        world.trial(
            "attacks::the_admin_app_runs_its_own_scripts_alone",
            async |stack| {
                let answer = stack.registry()?.door.get("/").send().await?.expect(200)?;
                let policy = answer
                    .header("content-security-policy")
                    .unwrap_or_default()
                    .to_owned();
                let scripts =
                    directive(&policy, "script-src").or_else(|| directive(&policy, "default-src"));
                let Some(scripts) = scripts else {
                    anyhow::bail!("scripts from anywhere: {policy:?}")
                };
                for loose in [
                    "'unsafe-inline'",
                    "'unsafe-eval'",
                    "*",
                    "https:",
                    "http:",
                    "data:",
                    "blob:",
                ] {
                    ensure!(
                        !scripts.split_whitespace().any(|source| source == loose),
                        "{scripts}"
                    );
                }
                for name in ["object-src", "base-uri", "form-action"] {
                    let sources = directive(&policy, name).or_else(|| {
                        (name == "object-src")
                            .then(|| directive(&policy, "default-src"))
                            .flatten()
                    });
                    ensure!(
                        matches!(sources, Some("'none'" | "'self'")),
                        "{name}: {sources:?} in {policy}"
                    );
                }
                let connect = directive(&policy, "connect-src").unwrap_or_default();
                for source in connect
                    .split_whitespace()
                    .filter(|source| *source != "'self'")
                {
                    let known = stack
                        .ready
                        .gateways
                        .iter()
                        .any(|gateway| gateway.url == source);
                    ensure!(known, "the app may connect to {source}");
                }
                Ok(())
            },
        ),
        world.trial(
            "attacks::html_in_a_path_comes_back_as_text",
            async |stack| {
                let doors = [stack.registry()?.door, stack.gateway(COMPANY)?.door];
                for door in doors {
                    for path in [
                        "/_gateway/v1/%3Cscript%3Ealert(1)%3C/script%3E",
                        "/api/v1/%3Cimg%20src=x%3E",
                    ] {
                        let answer = door.get(path).send().await?;
                        let html = answer
                            .header("content-type")
                            .unwrap_or_default()
                            .contains("html");
                        ensure!(
                            !html
                                || !(answer.text().contains("<script>alert(1)")
                                    || answer.text().contains("<img src=x>")),
                            "{} echoes HTML: {}",
                            answer.asked,
                            answer.excerpt()
                        );
                    }
                }
                Ok(())
            },
        ),
    ]
}

fn refuses_frames(answer: &Answer) -> bool {
    let header = answer
        .header("x-frame-options")
        .map(str::to_ascii_uppercase);
    let policy = answer.header("content-security-policy").unwrap_or_default();
    header.as_deref() == Some("DENY")
        || matches!(
            directive(policy, "frame-ancestors"),
            Some("'none'" | "'self'")
        )
}

fn directive<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    policy.split(';').find_map(|directive| {
        let (found, sources) = directive.trim().split_once(' ')?;
        (found == name).then_some(sources.trim())
    })
}
