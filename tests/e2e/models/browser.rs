//! `browser.internal`: a real Chromium behind the gateway Worker, from inside a container
//! and through its door; sessions at once and a day, minutes, and the kill switch.

use anyhow::{Context, bail, ensure};
use domain::wire::init::BROWSER_HOST;
use domain::wire::usage::BrowserReport;
use e2e::client::raw::{self, RawAnswer};
use e2e::environment::Environment;
use e2e::wait;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use xtask::engine::Bind;
use xtask::lone_gateway::Inside;

use super::lone::{Lone, SOON};

/// Where the container's program lies.
const PROGRAM: &str = "/opt/lone/browser.mjs";
/// Where the session is that everybody shares.
const SHARED: &str = "devtools/browser/default";
/// Where another one opens.
const ANOTHER: &str = "devtools/browser";

pub(super) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let bind = |source: std::path::PathBuf, target: &str| Bind {
        source,
        target: target.into(),
    };
    let script = environment.checkout.join("tests/e2e/models/browser.mjs");
    let inside = Inside::Program {
        binds: vec![
            bind(environment.node.clone(), "/opt/node/bin/node"),
            bind(script, PROGRAM),
            bind(
                environment.checkout.join("node_modules/playwright-core"),
                "/opt/lone/node_modules/playwright-core",
            ),
        ],
        command: format!("/opt/node/bin/node {PROGRAM}"),
    };
    let lone = Lone::start_with(environment, inside, Some(environment.chromium.clone())).await?;
    let outcome = browser(&lone).await;
    lone.stop().await;
    outcome
}

async fn browser(lone: &Lone) -> anyhow::Result<()> {
    off(lone).await.context("without the clause")?;
    inside(lone).await.context("inside the container")?;
    at_once(lone).await.context("sessions at once")?;
    a_day(lone).await.context("sessions a day")?;
    stop(lone).await.context("an operator stops all")?;
    minutes(lone).await.context("minutes a day")
}

/// Nobody has a browser unless the policy says so, and nobody from outside ever.
async fn off(lone: &Lone) -> anyhow::Result<()> {
    lone.set_budgets(json!({})).await?;
    ensure!(refused(lone, SHARED).await? == 403);
    let request = format!(
        "GET /json/version HTTP/1.1\r\nHost: {BROWSER_HOST}\r\nAuthorization: Bearer {}\r\n\
         Connection: close\r\n\r\n",
        lone.worker.key
    );
    let RawAnswer { status, text } = raw::send(lone.worker.port, &request).await?;
    ensure!(status == Some(421), "{status:?} {text}");
    Ok(())
}

/// A program in the container opens a page and reads its title.
async fn inside(lone: &Lone) -> anyhow::Result<()> {
    lone.set_budgets(json!({ "browser": {} })).await?;
    let wrong = connect(lone, SHARED, "tmk_wrong").await;
    ensure!(status_of(wrong)? == 401);
    let seen = wait::until("the container to see a page", SOON, async || {
        Ok(lone.worker.left("browser.json"))
    });
    let seen = match seen.await {
        Ok(seen) => seen,
        Err(error) => bail!("{error:#}: {:?}", lone.worker.left("browser-error.txt")),
    };
    ensure!(seen.contains("from the container"), "{seen}");
    let told = told(lone).await?;
    ensure!((told.open, told.sessions) == (1, 1), "{told:?}");
    // The page is still there for whoever connects to the same browser.
    let mut shared = Browser::open(lone, SHARED).await?;
    let pages = shared.ask("Target.getTargets", json!({})).await?;
    ensure!(pages.to_string().contains("from the container"), "{pages}");
    Ok(())
}

async fn at_once(lone: &Lone) -> anyhow::Result<()> {
    let mut other = Browser::open(lone, ANOTHER).await?;
    let pages = other.ask("Target.getTargets", json!({})).await?;
    ensure!(!pages.to_string().contains("from the container"), "{pages}");
    ensure!(told(lone).await?.open == 2);
    lone.set_budgets(json!({ "browser": { "sessions": 2 } }))
        .await?;
    ensure!(refused(lone, ANOTHER).await? == 429);
    lone.set_budgets(json!({ "browser": { "sessions": 3 } }))
        .await?;
    Browser::open(lone, ANOTHER).await?;
    Ok(())
}

async fn a_day(lone: &Lone) -> anyhow::Result<()> {
    let opened = told(lone).await?.sessions;
    let limit = |most: u64| json!({ "browser": { "sessions_per_day": most } });
    lone.set_budgets(limit(opened)).await?;
    ensure!(refused(lone, ANOTHER).await? == 429);
    lone.set_budgets(limit(opened + 1)).await?;
    Browser::open(lone, ANOTHER).await?;
    ensure!(refused(lone, ANOTHER).await? == 429);
    Ok(())
}

/// What is open ends, with a reason, and nothing opens until it is lifted.
async fn stop(lone: &Lone) -> anyhow::Result<()> {
    lone.set_budgets(json!({ "browser": {} })).await?;
    let mut open = Browser::open(lone, SHARED).await?;
    open.ask("Browser.getVersion", json!({})).await?;
    lone.gateway.post("models/stop").send().await?.expect(200)?;
    let end = open.end().await?;
    ensure!(
        end.code == 1008.into() && end.reason.contains("has stopped"),
        "{end:?}"
    );
    ensure!(told(lone).await?.open == 0);
    ensure!(refused(lone, SHARED).await? == 503);
    lone.gateway
        .door
        .call(reqwest::Method::DELETE, "/_gateway/v1/models/stop")
        .send()
        .await?
        .expect(200)?;
    Browser::open(lone, SHARED).await?;
    Ok(())
}

/// A session that is open when the minutes are used up ends, with a reason.
async fn minutes(lone: &Lone) -> anyhow::Result<()> {
    let mut open = Browser::open(lone, SHARED).await?;
    open.ask("Browser.getVersion", json!({})).await?;
    let used = told(lone).await?.seconds / 60;
    let limit = json!({ "browser": { "minutes_per_day": used + 1 } });
    lone.set_budgets(limit).await?;
    let end = open.end().await?;
    ensure!(
        end.code == 1008.into() && end.reason.contains("minutes are used"),
        "{end:?}"
    );
    let told = told(lone).await?;
    ensure!(told.open == 0 && told.seconds / 60 == used + 1, "{told:?}");
    ensure!(refused(lone, SHARED).await? == 429);
    lone.set_budgets(json!({ "browser": { "minutes_per_day": used + 2 } }))
        .await?;
    Browser::open(lone, SHARED).await?;
    Ok(())
}

async fn told(lone: &Lone) -> anyhow::Result<BrowserReport> {
    lone.budgets().await?.browser.context("nothing of browsers")
}

/// The status that an address is refused with.
async fn refused(lone: &Lone, path: &str) -> anyhow::Result<u16> {
    status_of(connect(lone, path, &lone.worker.key).await)
}

fn status_of(connected: Result<Socket, Error>) -> anyhow::Result<u16> {
    match connected {
        Err(Error::Http(response)) => Ok(response.status().as_u16()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it was let in"),
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(lone: &Lone, path: &str, key: &str) -> Result<Socket, Error> {
    let url = format!("ws://localhost:{}/browser/{path}", lone.worker.door);
    let mut request = url.into_client_request()?;
    let bearer = format!("Bearer {key}")
        .parse()
        .map_err(|_| Error::AttackAttempt)?;
    request.headers_mut().insert("authorization", bearer);
    Ok(connect_async(request).await?.0)
}

/// A connection to a browser.
struct Browser {
    socket: Socket,
    last: u64,
}

impl Browser {
    async fn open(lone: &Lone, path: &str) -> anyhow::Result<Self> {
        let connected = timeout(SOON, connect(lone, path, &lone.worker.key)).await?;
        let socket = connected.with_context(|| format!("{path} was refused"))?;
        Ok(Self { socket, last: 0 })
    }

    /// Asks something and waits for its answer.
    async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.last += 1;
        let asked = json!({ "id": self.last, "method": method, "params": params });
        self.socket.send(Message::text(asked.to_string())).await?;
        loop {
            let next = timeout(SOON, self.socket.next()).await?;
            let message = next.context("the browser is gone")??;
            let Message::Text(text) = message else {
                bail!("{method}: {message:?}");
            };
            let answer: Value = serde_json::from_str(&text)?;
            if answer["id"] == self.last {
                return Ok(answer["result"].clone());
            }
        }
    }

    /// Waits until it is closed.
    async fn end(&mut self) -> anyhow::Result<CloseFrame> {
        let closed = async {
            while let Some(message) = self.socket.next().await {
                if let Message::Close(frame) = message? {
                    return frame.context("closed without a word");
                }
            }
            bail!("it was cut")
        };
        timeout(SOON * 2, closed).await?
    }
}
