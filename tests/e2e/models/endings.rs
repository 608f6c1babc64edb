//! Calls that end before their time: the client hangs up, an operator stops all.

use anyhow::{Context, ensure};
use domain::wire::usage::CallOutcome;
use e2e::environment::Environment;
use e2e::wait;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::lone::{CHAT, Lone, SOON, streaming};

/// What a stream of the provider's has in it with its first word.
const WORD: &str = "\"delta\"";

pub(super) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let lone = Lone::start(environment).await?;
    let outcome = endings(&lone).await;
    lone.stop().await;
    outcome
}

async fn endings(lone: &Lone) -> anyhow::Result<()> {
    lone.set_budgets(json!({ "tokens_per_day": 1_000_000 }))
        .await?;
    for (model, says) in [
        ("endless", WORD),
        ("silent", WORD),
        ("mute", ": keep-alive\n\n"),
    ] {
        hang_up(lone, model, says)
            .await
            .with_context(|| format!("the client hangs up on the provider \"{model}\""))?;
    }
    hang_up_before_the_answer(lone)
        .await
        .context("the client hangs up before the answer")?;
    stop_all(lone).await.context("an operator stops all")
}

/// The provider is cancelled and what came is counted, also where it says nothing any more,
/// or never said a word.
async fn hang_up(lone: &Lone, model: &str, says: &str) -> anyhow::Result<()> {
    let before = lone.upstream.hung_up();
    let mut client = open(lone, model).await?;
    read_until(&mut client, says).await?;
    drop(client);
    wait::until("the provider to be cancelled", SOON, async || {
        Ok((lone.upstream.hung_up() > before).then_some(()))
    })
    .await?;
    lone.settled(SOON).await?;
    let call = lone.calls().await?.into_iter().next().context("no call")?;
    ensure!(
        call.outcome == CallOutcome::Cut && call.model.ends_with(model) && call.estimated,
        "{call:?}"
    );
    // A comment of the gateway's is nothing that came from the provider.
    let spoke = says == WORD;
    ensure!((call.usage.output_tokens > 0) == spoke, "{call:?}");
    ensure!(call.first_byte_ms.is_some() == spoke, "{call:?}");
    Ok(())
}

/// The provider is cancelled, and the question counts.
async fn hang_up_before_the_answer(lone: &Lone) -> anyhow::Result<()> {
    let before = lone.upstream.hung_up();
    let client = open(lone, "loris").await?;
    wait::until("the call to be under way", SOON, async || {
        Ok((lone.account(None).await?.calls_under_way == 1).then_some(()))
    })
    .await?;
    drop(client);
    wait::until("the provider to be cancelled", SOON, async || {
        Ok((lone.upstream.hung_up() > before).then_some(()))
    })
    .await?;
    lone.settled(SOON).await?;
    let call = lone.calls().await?.into_iter().next().context("no call")?;
    ensure!(
        call.outcome == CallOutcome::Cut && call.model.ends_with("loris") && call.estimated,
        "{call:?}"
    );
    ensure!(
        call.usage.input_tokens > 0
            && call.usage.output_tokens == 0
            && call.first_byte_ms.is_none(),
        "{call:?}"
    );
    Ok(())
}

/// Streams end, and so does a call whose provider never answers; nothing starts.
async fn stop_all(lone: &Lone) -> anyhow::Result<()> {
    let hung_up = lone.upstream.hung_up();
    let mut stream = open(lone, "endless").await?;
    read_until(&mut stream, WORD).await?;
    let mut silent = open(lone, "loris").await?;
    wait::until("both calls to be under way", SOON, async || {
        Ok((lone.account(None).await?.calls_under_way == 2).then_some(()))
    })
    .await?;
    lone.gateway.post("models/stop").send().await?.expect(200)?;
    let refused = lone.stream("plain").await?.expect(429)?;
    ensure!(
        refused.text().contains("Usage limit reached") && refused.text().contains("stopped"),
        "{}",
        refused.excerpt()
    );
    for client in [&mut stream, &mut silent] {
        let mut rest = Vec::new();
        // A stream that is broken off ends with an error, or just ends.
        let ended = timeout(SOON, client.read_to_end(&mut rest)).await;
        ensure!(ended.is_ok(), "a call goes on after all were stopped");
    }
    wait::until("the provider to be cancelled", SOON, async || {
        Ok((lone.upstream.hung_up() >= hung_up + 2).then_some(()))
    })
    .await?;
    lone.settled(SOON).await?;
    let calls = lone.calls().await?;
    let newest = calls.first().context("no call")?;
    ensure!(newest.outcome == CallOutcome::Stopped, "{newest:?}");
    lone.gateway
        .door
        .call(reqwest::Method::DELETE, "/_gateway/v1/models/stop")
        .send()
        .await?
        .expect(200)?;
    lone.stream("plain").await?.expect(200)?;
    lone.settled(SOON).await
}

/// Starts a call on a connection of its own.
async fn open(lone: &Lone, model: &str) -> anyhow::Result<TcpStream> {
    let body = streaming(model).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", lone.worker.door)).await?;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost:{}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        lone.worker.door,
        lone.worker.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(stream)
}

/// Reads until the answer holds some words.
async fn read_until(stream: &mut TcpStream, words: &str) -> anyhow::Result<()> {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(words) {
        let mut more = [0; 4_096];
        let count = timeout(SOON, stream.read(&mut more)).await??;
        ensure!(
            count > 0,
            "the answer ended early: {}",
            String::from_utf8_lossy(&read)
        );
        read.extend(more.iter().take(count));
    }
    Ok(())
}
