//! OpenClaw's WebSocket through the front door.

use anyhow::ensure;
use e2e::openclaw::{Client, Device, OpenError, Session};
use e2e::stack::PERSONAL;
use libtest_mimic::Trial;

use crate::stage::World;

const SCOPES: [&str; 2] = ["operator.read", "operator.write"];

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "websocket::a_client_in_a_browser_pairs_and_completes_a_turn",
            async |stack| {
                let origin = stack.ready_gateway(PERSONAL)?.url.clone();
                let cookie = format!("CF_Authorization={}", stack.operator_token());
                let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
                let mut session = Session::open(&origin, &headers).await?;
                let device = Device::new()?;
                let hello = session
                    .connect(Client::WEBCHAT, Some(&device), &SCOPES)
                    .await?;
                ensure!(
                    hello.scopes.iter().any(|scope| scope == "operator.write"),
                    "{:?}",
                    hello.payload
                );
                let text = session
                    .turn("ws-browser", "/say through the socket")
                    .await?;
                ensure!(text.contains("through the socket"), "{text}");
                Ok(())
            },
        ),
        world.trial(
            "websocket::a_program_with_the_access_header_needs_no_device",
            async |stack| {
                let origin = stack.ready_gateway(PERSONAL)?.url.clone();
                let token = stack.operator_token();
                let headers = [("cf-access-jwt-assertion", token.as_str())];
                let mut session = Session::open(&origin, &headers).await?;
                session.connect(Client::BACKEND, None, &SCOPES).await?;
                let text = session.turn("ws-program", "/say to a program").await?;
                ensure!(text.contains("to a program"), "{text}");
                Ok(())
            },
        ),
        world.trial("websocket::nobody_gets_no_upgrade", async |stack| {
            let origin = stack.ready_gateway(PERSONAL)?.url.clone();
            let refused = Session::open(&origin, &[("origin", &origin)])
                .await
                .map(drop);
            ensure!(refused == Err(OpenError::Refused(401)), "{refused:?}");
            Ok(())
        }),
        world.trial(
            "websocket::a_page_of_another_origin_gets_no_upgrade",
            async |stack| {
                let origin = stack.ready_gateway(PERSONAL)?.url.clone();
                let cookie = format!("CF_Authorization={}", stack.operator_token());
                let registry = stack.ready.registry.url.as_str();
                for foreign in [
                    "https://evil.example",
                    "null",
                    registry,
                    "http://localhost",
                    "",
                ] {
                    let headers = [("cookie", cookie.as_str()), ("origin", foreign)];
                    let refused = Session::open(&origin, &headers).await.map(drop);
                    ensure!(
                        refused == Err(OpenError::Refused(403)),
                        "{foreign:?}: {refused:?}"
                    );
                }
                let refused = Session::open(&origin, &[("cookie", cookie.as_str())])
                    .await
                    .map(drop);
                ensure!(
                    refused == Err(OpenError::Refused(403)),
                    "no Origin: {refused:?}"
                );
                Ok(())
            },
        ),
    ]
}
