//! A model server that misbehaves as it is told, over raw TCP: what a provider, or
//! somebody in its place, could send. Which way is said by the name of the model.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Input tokens that every well-formed answer reports.
pub const INPUT_TOKENS: u64 = 100;
/// Output tokens that a call makes, unless it is told to stop before.
pub const OUTPUT_TOKENS: u64 = 100;
/// Ways to misbehave: ids of models.
pub const MODELS: &[&str] = &[
    "plain",
    "late",
    "endless",
    "mute",
    "silent",
    "loris",
    "garbage",
    "no-usage",
    "negative-usage",
    "absurd-usage",
    "large-usage",
    "failing",
    "wrong-key",
    "no-credit",
    "no-quota",
    "low-balance",
    "gzip",
    "bomb",
    "headers",
    "redirect",
    "cut",
];

/// What the server has seen. It ends when it is dropped.
#[derive(Debug)]
pub struct ModelUpstream {
    /// Its origin.
    pub url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    calls: AtomicUsize,
    under_way: AtomicUsize,
    hung_up: AtomicUsize,
    redirected: AtomicUsize,
}

impl ModelUpstream {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let state = Arc::new(State::default());
        let task = tokio::spawn({
            let (state, url) = (Arc::clone(&state), url.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (state, url) = (Arc::clone(&state), url.clone());
                    tokio::spawn(async move {
                        // How a connection ends is what some of the ways are about.
                        drop(serve(stream, &state, &url).await);
                    });
                }
            }
        });
        Ok(Self { url, state, task })
    }

    /// Calls that arrived.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::Relaxed)
    }

    /// Calls that are being answered.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.state.under_way.load(Ordering::Relaxed)
    }

    /// Answers that nobody wanted to the end.
    #[must_use]
    pub fn hung_up(&self) -> usize {
        self.state.hung_up.load(Ordering::Relaxed)
    }

    /// Requests to where the redirect leads.
    #[must_use]
    pub fn redirected(&self) -> usize {
        self.state.redirected.load(Ordering::Relaxed)
    }
}

impl Drop for ModelUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection: buffered for reading, as it is for writing.
type Wire = BufReader<TcpStream>;

async fn serve(stream: TcpStream, state: &State, url: &str) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = request(&mut stream).await? {
        if head.starts_with("GET ") {
            state.redirected.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        state.calls.fetch_add(1, Ordering::Relaxed);
        state.under_way.fetch_add(1, Ordering::Relaxed);
        let answered = answer(&mut stream, &body, state, url).await;
        state.under_way.fetch_sub(1, Ordering::Relaxed);
        if answered? == Then::Close {
            return Ok(());
        }
    }
    Ok(())
}

/// Head and body of the next request on a connection.
async fn request(stream: &mut Wire) -> anyhow::Result<Option<(String, Value)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).context("a call that is no JSON")?
    };
    Ok(Some((head, body)))
}

/// What becomes of the connection.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

async fn answer(stream: &mut Wire, call: &Value, state: &State, url: &str) -> anyhow::Result<Then> {
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| call[*name].as_u64());
    let output = limit.unwrap_or(u64::MAX).min(OUTPUT_TOKENS);
    match call["model"].as_str().unwrap_or_default() {
        "late" => sleep(Duration::from_secs(600)).await,
        "endless" => return endless(stream, state, &word("twelve bytes")).await,
        "mute" => return silent(stream, state, b"").await,
        "silent" => return silent(stream, state, &word("twelve bytes")).await,
        "loris" => {
            for byte in EVENTS.bytes().cycle() {
                if stream.write_all(&[byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(500)).await;
            }
            state.hung_up.fetch_add(1, Ordering::Relaxed);
            return Ok(Then::Close);
        }
        "garbage" => {
            let mut bytes =
                b"data: {\"choices\": [[[\n\ndata\n\n: \0\xff\xfe\n\nevent: \r\r\r\n".to_vec();
            bytes.extend((0..20_000u32).map(|n| u8::try_from(n % 251).unwrap_or(0)));
            events(stream, &[bytes]).await?;
        }
        "no-usage" => events(stream, &[word("0123456789abcdef"), done()]).await?,
        "negative-usage" => {
            events(stream, &[word("0123456789abcdef"), usage(-5, -7), done()]).await?
        }
        "absurd-usage" => {
            let absurd = usage(i64::MAX, i64::MAX);
            events(stream, &[word("0123456789abcdef"), absurd, done()]).await?;
        }
        "large-usage" => {
            let large = usage(90_000_000, 90_000_000);
            events(stream, &[word("0123456789abcdef"), large, done()]).await?;
        }
        "failing" => {
            let body = r#"{"error":{"message":"overloaded","type":"server_error"}}"#;
            document(stream, "503 Service Unavailable", "", body.as_bytes()).await?;
        }
        "wrong-key" => {
            let body = r#"{"error":{"message":"Incorrect API key: sk-of-the-provider"}}"#;
            document(stream, "401 Unauthorized", "", body.as_bytes()).await?;
        }
        "no-credit" => document(stream, "402 Payment Required", "", b"").await?,
        "no-quota" => {
            let body = r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}"#;
            document(stream, "429 Too Many Requests", "", body.as_bytes()).await?;
        }
        "low-balance" => {
            let body = r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API. Please go to Plans & Billing."}}"#;
            document(stream, "400 Bad Request", "", body.as_bytes()).await?;
        }
        "gzip" => {
            let body = [word("words"), usage(signed(INPUT_TOKENS), 7), done()].concat();
            compressed(stream, &body).await?;
        }
        "bomb" => {
            let mut body = vec![b'\n'; 64 * 1024 * 1024];
            body.extend(usage(signed(INPUT_TOKENS), 7));
            compressed(stream, &body).await?;
        }
        "headers" => {
            let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
            for number in 0..10_240 {
                head.extend(format!("x-{number}: {}\r\n", "a".repeat(1_024)).bytes());
            }
            head.extend(b"content-length: 2\r\n\r\n{}");
            // Whoever reads it may stop at any time.
            drop(stream.write_all(&head).await);
            return Ok(Then::Close);
        }
        "redirect" => {
            let location = format!("location: {url}/latest/meta-data/\r\n");
            document(stream, "307 Temporary Redirect", &location, b"").await?;
        }
        "cut" => {
            stream.write_all(EVENTS.as_bytes()).await?;
            write(stream, &word("0123456789abcdef")).await?;
            stream.write_all(b"ffff\r\ndata: {\"cho").await?;
            return Ok(Then::Close);
        }
        _ if call["stream"] == Value::Bool(true) => {
            let reported = usage(signed(INPUT_TOKENS), signed(output));
            events(stream, &[word("words"), reported, done()]).await?;
        }
        _ => {
            let body = format!(
                r#"{{"choices":[{{"message":{{"content":"words"}}}}],"usage":{{"prompt_tokens":{INPUT_TOKENS},"completion_tokens":{output}}}}}"#
            );
            document(stream, "200 OK", "", body.as_bytes()).await?;
        }
    }
    Ok(Then::Keep)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn word(text: &str) -> Vec<u8> {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").into_bytes()
}

fn usage(input: i64, output: i64) -> Vec<u8> {
    let usage = format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output}}}"#);
    format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n").into_bytes()
}

fn done() -> Vec<u8> {
    b"data: [DONE]\n\n".to_vec()
}

async fn document(
    stream: &mut Wire,
    status: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

/// A whole stream of events.
async fn events(stream: &mut Wire, events: &[Vec<u8>]) -> std::io::Result<()> {
    stream.write_all(EVENTS.as_bytes()).await?;
    for event in events {
        write(stream, event).await?;
    }
    stream.write_all(b"0\r\n\r\n").await
}

async fn compressed(stream: &mut Wire, body: &[u8]) -> std::io::Result<()> {
    let body = gzip(body)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

async fn write(stream: &mut Wire, chunk: &[u8]) -> std::io::Result<()> {
    let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
    framed.extend_from_slice(chunk);
    framed.extend_from_slice(b"\r\n");
    stream.write_all(&framed).await
}

/// A beginning, and then nothing until nobody waits for more.
async fn silent(stream: &mut Wire, state: &State, beginning: &[u8]) -> anyhow::Result<Then> {
    stream.write_all(EVENTS.as_bytes()).await?;
    if !beginning.is_empty() {
        write(stream, beginning).await?;
    }
    // Nothing follows a call on its connection before it is answered: it ends, or breaks.
    drop(stream.read(&mut [0]).await);
    state.hung_up.fetch_add(1, Ordering::Relaxed);
    Ok(Then::Close)
}

/// Words until nobody wants them.
async fn endless(stream: &mut Wire, state: &State, word: &[u8]) -> anyhow::Result<Then> {
    stream.write_all(EVENTS.as_bytes()).await?;
    while write(stream, word).await.is_ok() {
        sleep(Duration::from_millis(50)).await;
    }
    state.hung_up.fetch_add(1, Ordering::Relaxed);
    Ok(Then::Close)
}
