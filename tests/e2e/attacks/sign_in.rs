//! Ways to make signing in lead somewhere else.

use anyhow::{Context, ensure};
use e2e::client::{Api, raw, sign_in};
use e2e::stack::PERSONAL;
use libtest_mimic::Trial;
use url::Url;

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::a_door_does_not_send_a_browser_elsewhere_after_sign_in", async |stack| {
            for origin in [&stack.ready.registry.url, &stack.ready_gateway(PERSONAL)?.url] {
                let door = Api::new(origin)?;
                for path in [
                    "/",
                    "//evil.example/",
                    "/\\evil.example/",
                    "/%2f%2fevil.example",
                    "/%5cevil.example",
                    "/@evil.example/",
                    "/.evil.example/",
                    "/?redirect_url=https://evil.example",
                    "/%0d%0aLocation:%20https://evil.example",
                ] {
                    let page = door.get(path).header("accept", "text/html");
                    let answer = page.header("sec-fetch-mode", "navigate").send().await?;
                    let Some(location) = answer.header("location") else { continue };
                    let target = Url::parse(origin)?.join(location)?;
                    if target.origin() == Url::parse(origin)?.origin() {
                        continue;
                    }
                    ensure!(
                        target.origin() == Url::parse(&stack.ready.issuer.url)?.origin(),
                        "{path} leads to {location}"
                    );
                    // Whether the way back is refused or leads home, it leads nowhere else.
                    if let Ok(signed_in) = sign_in(target.as_str(), "somebody@localhost.test").await {
                        let back = Url::parse(&signed_in.location)?;
                        ensure!(back.origin() == Url::parse(origin)?.origin(), "{path} leads back to {back}");
                    }
                }
            }
            Ok(())
        }),
        world.trial("attacks::a_sign_in_address_does_not_name_the_client_s_host", async |stack| {
            let gateway = &stack.ready_gateway(PERSONAL)?.url;
            let port = Url::parse(gateway)?.port().context("a gateway without a port")?;
            for host in ["evil.example", "evil.example:80", "localhost.evil.example", "localhost:1"] {
                let request = format!(
                    "GET /_gateway/v1/status HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {host}\r\n\
                     Connection: close\r\n\r\n"
                );
                let answer = raw::send(port, &request).await?;
                ensure!(!answer.text.contains("evil.example"), "{host}: {}", answer.text);
                ensure!(answer.status.is_none_or(|status| status >= 400), "{host}: {}", answer.text);
            }
            Ok(())
        }),
        world.trial("attacks::the_issuer_sends_nobody_to_a_foreign_address", async |stack| {
            let issuer = Api::new(&stack.ready.issuer.url)?;
            let audience = &stack.ready.registry.audience;
            let host = Url::parse(&stack.ready.registry.url)?;
            let host = format!("localhost:{}", host.port().unwrap_or(80));
            for target in [
                "https%3A%2F%2Fevil.example",
                "%2F%2Fevil.example",
                "%2F%5Cevil.example",
                "javascript%3Aalert(1)",
                "http%3A%2F%2Flocalhost%3A1%2F",
            ] {
                let path = format!("/cdn-cgi/access/login/{host}?kid={audience}&redirect_url={target}");
                issuer.get(&path).send().await?.expect(400)?;
                issuer.post(&path).send().await?;
            }
            let path = format!("/cdn-cgi/access/login/evil.example?kid={audience}&redirect_url=/");
            issuer.get(&path).send().await?.expect(400)?;
            Ok(())
        }),
    ]
}
