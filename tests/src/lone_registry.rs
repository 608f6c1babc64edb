//! A registry Worker by itself, with an issuer that the test controls: for what
//! would disturb the stack that the other tests share.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtask::standins::access::{Issuer, IssuerConfig, Keys};

use crate::client::{Api, Registry};
use crate::environment::Environment;
use crate::forge::Forge;
use crate::wait;

const OPERATOR: &str = "operator@localhost.test";
const AUDIENCE: &str = "lone-registry";
/// Distance of its ports from the first of the stack's, in the middle of its range.
const OFFSET: u16 = 50;
const START: Duration = Duration::from_secs(60);

/// The Worker and its issuer. Both end when it is dropped.
#[derive(Debug)]
pub struct LoneRegistry {
    /// Its door, for nobody.
    pub registry: Registry,
    /// Makes tokens for it.
    pub forge: Forge,
    /// Publishes the keys.
    pub keys: KeyServer,
    _host: Host,
    _folder: TempDir,
}

/// Miniflare, which leads a process group with its workerd. Both end with it.
#[derive(Debug)]
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        let leader = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // A group that is gone is what was wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Answers with the issuer's public keys, or not.
#[derive(Debug)]
pub struct KeyServer {
    up: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl LoneRegistry {
    /// Starts it, with a key server that is up or not.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(environment: &Environment, keys_up: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tedix-e2e-lone-")
            .tempdir()?;
        let (port, issuer_port) = (environment.port + OFFSET, environment.port + OFFSET + 1);
        let config = IssuerConfig {
            issuer: format!("http://localhost:{issuer_port}"),
            audiences: vec![AUDIENCE.to_owned()],
            return_origins: Vec::new(),
            people: Vec::new(),
        };
        let key_folder = folder.path().join("keys");
        let issuer = Issuer::open(&key_folder, config.clone())?;
        let keys =
            KeyServer::start(issuer_port, Keys::open(&key_folder)?.certs()?, keys_up).await?;
        let url = format!("http://localhost:{port}");
        let build = environment.checkout.join("build");
        let spec = json!({
            "name": "registry",
            "config": environment.checkout.join("wrangler.toml"),
            "packages_dir": environment.checkout,
            "build_dir": build.join("registry-worker"),
            "main": "index.js",
            "vars": {
                "PUBLIC_URL": url, "ACCESS_ISSUER": config.issuer, "ACCESS_AUDIENCE": AUDIENCE,
                "REGISTRY_OPERATORS": OPERATOR, "GATEWAY_ORIGINS": "",
            },
            "assets_dir": build.join("admin"),
            "port": port,
            "persist_dir": folder.path().join("data"),
            "tmp_dir": folder.path().join("tmp"),
        });
        let spec_file = folder.path().join("registry.json");
        std::fs::write(&spec_file, spec.to_string())?;
        free(port).await?;
        let host = host(environment, &spec_file).await?;
        let forge = Forge::new(issuer, key_folder, OPERATOR);
        Ok(Self {
            registry: Registry {
                door: Api::new(&url)?,
            },
            forge,
            keys,
            _host: host,
            _folder: folder,
        })
    }
}

/// Waits until nobody listens on a port: one that was killed lets go of it a moment later.
async fn free(port: u16) -> anyhow::Result<()> {
    wait::until("a free port", START, async || {
        Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
    })
    .await
    .map(drop)
}

/// Starts Miniflare; it ends with its standard input.
async fn host(environment: &Environment, spec: &PathBuf) -> anyhow::Result<Host> {
    let log = environment.logs.join("e2e-lone-registry.log");
    std::fs::create_dir_all(&environment.logs)?;
    let mut child = Command::new(&environment.node)
        .arg(environment.checkout.join("xtask/runtime/host.mjs"))
        .arg(spec)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let seed = xtask::secrets::random()?;
    let secrets = format!("{}\n", json!({ "REGISTRY_SIGNING_KEY": seed }));
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(secrets.as_bytes()).await?;
    child.stdin = Some(stdin);
    let output = child.stdout.take().context("no standard output")?;
    let mut line = String::new();
    timeout(START, BufReader::new(output).read_line(&mut line)).await??;
    ensure!(
        line.contains("\"ready\":true"),
        "the registry did not start: {line} (log: {})",
        log.display()
    );
    Ok(Host(child))
}

impl KeyServer {
    async fn start(port: u16, certs: Value, up: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("port {port} cannot be listened on"))?;
        let (up, asked) = (Arc::new(AtomicBool::new(up)), Arc::new(AtomicUsize::new(0)));
        let body = certs.to_string();
        let task = tokio::spawn({
            let (up, asked) = (Arc::clone(&up), Arc::clone(&asked));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let answer = up.load(Ordering::Relaxed).then(|| body.clone());
                    // Whoever hung up needs no answer.
                    tokio::spawn(async move { drop(reply(stream, answer).await) });
                }
            }
        });
        Ok(Self { up, asked, task })
    }

    /// Turns it on or off.
    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One answer to whatever is asked; 503 without a body to give.
async fn reply(mut stream: TcpStream, body: Option<String>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 64 * 1024 {
        head.push(stream.read_u8().await?);
    }
    let (status, body) = match body {
        Some(body) => ("200 OK", body),
        None => ("503 Service Unavailable", String::new()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
