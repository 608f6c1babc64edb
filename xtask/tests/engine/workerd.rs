//! The container engine under real workerd: a Durable Object drives its
//! container through `ctx.container`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::{EGRESS_IMAGE, IMAGE, config, isolations, nothing_left, own_test};
use xtask::engine::Engine;

/// Runs inside a container: a small HTTP server. `/time` answers at once;
/// `/models` and `/governance` ask those hosts and pass on what they answer.
#[test]
#[ignore = "a program for containers"]
fn http_server() {
    serve(&TcpListener::bind(("127.0.0.1", 8080)).unwrap());
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        std::thread::spawn(move || answer(stream.unwrap()));
    }
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let body = match head.split(' ').nth(1).unwrap() {
        "/models" => ask("models.internal"),
        "/governance" => ask("governance.internal"),
        "/greeting" => std::env::var("GREETING").unwrap(),
        _ => "now".to_owned(),
    };
    let length = body.len();
    // workerd keeps a tunnel for the next request unless it is told not to.
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

fn ask(host: &str) -> String {
    let mut stream = match TcpStream::connect((host, 80)) {
        Ok(stream) => stream,
        Err(error) => return format!("unreachable: {:?}", error.kind()),
    };
    let request = format!(
        "POST /v1/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = [0; 4096];
    let mut answer = String::new();
    // The answer's end is told by its JSON, whatever the connection does.
    while !answer.ends_with('}') {
        match stream.read(&mut bytes) {
            Ok(length @ 1..) => answer.push_str(&String::from_utf8_lossy(&bytes[..length])),
            Ok(_) | Err(_) => break,
        }
    }
    answer
        .split("\r\n\r\n")
        .nth(1)
        .unwrap_or(&answer)
        .to_owned()
}

/// Miniflare, with what it needs from the checkout's npm packages.
struct Miniflare {
    child: Child,
    url: String,
    /// Where the containers' output is, for when something fails.
    logs: PathBuf,
}

impl Miniflare {
    async fn start(socket_url: &str, direct_port: u16, logs: PathBuf) -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules");
        let node = modules.join(".bin/node");
        assert!(
            node.exists(),
            "{} is missing: run `cargo xtask setup` first",
            node.display()
        );
        let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/engine/workerd/run.mjs"]
            .iter()
            .collect();
        let mut child = Command::new(node)
            .arg(script)
            .arg(modules)
            .args([socket_url, IMAGE, EGRESS_IMAGE, &direct_port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut url).await.unwrap();
        let url = url.trim_end_matches(['/', '\n']).to_owned();
        assert!(url.starts_with("http://"), "Miniflare did not start: {url}");
        Self { child, url, logs }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn text(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {text}\n{}", self.output());
        text
    }

    /// What the containers have printed.
    fn output(&self) -> String {
        let logs = std::fs::read_dir(&self.logs).unwrap();
        logs.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }

    /// The answer of the program in the container, once it listens.
    async fn when_ready(&self, path: &str) -> String {
        for _ in 0..200 {
            if let (200, text) = self.get(path).await {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the container does not answer {path}");
    }

    async fn finish(mut self) {
        drop(self.child.stdin.take());
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        assert!(ended.expect("Miniflare ends").unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_object_drives_its_container() {
    for isolation in isolations() {
        let state = tempfile::tempdir().unwrap();
        let mut config = config(state.path(), isolation);
        config.image.cmd = own_test("workerd::http_server");
        let engine = Engine::start(config).await.unwrap();
        let direct = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let direct_port = direct.local_addr().unwrap().port();
        std::thread::spawn(move || serve(&direct));
        let miniflare = Miniflare::start(
            &engine.socket_url(),
            direct_port,
            state.path().join("engine/logs"),
        )
        .await;

        // Two objects, both on port 8080 of their own.
        for name in ["a", "b"] {
            assert_eq!(
                miniflare.text(&format!("/running?box={name}")).await,
                "false"
            );
            miniflare.text(&format!("/start?box={name}")).await;
            miniflare.when_ready(&format!("/greeting?box={name}")).await;
        }
        assert_eq!(miniflare.text("/running").await, "true");
        assert_eq!(miniflare.text("/greeting").await, "from the object");

        // Out of the container, into the Worker's own door.
        let answer: Value = serde_json::from_str(&miniflare.text("/models").await).unwrap();
        assert_eq!(answer["door"], "container");
        assert_eq!(answer["url"], "http://models.internal/v1/x");
        assert_eq!(answer["body"], "hello");
        let refused = miniflare.text("/governance").await;
        assert!(refused.starts_with("unreachable"), "{refused}");
        miniflare.text("/intercept-late").await;
        let answer = miniflare.text("/governance").await;
        assert!(
            answer.contains("http://governance.internal/v1/x"),
            "{answer}"
        );

        let argv = r#"["sh","-c","cat; echo ' '$EXTRA; echo oops >%262; exit 4"]"#;
        let output = miniflare.text(&format!("/exec?argv={argv}")).await;
        let output: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(output["stdout"], "typed yes\n");
        assert_eq!(output["stderr"], "oops\n");
        assert_eq!(output["exitCode"], 4);

        println!("{isolation:?}: {}", latency(&miniflare).await);

        // SIGKILL reaches PID 1, and monitor() tells of it.
        miniflare.text("/signal?number=9").await;
        let exit = miniflare.text("/exit").await;
        assert!(exit.contains("137"), "{exit}");
        assert_eq!(miniflare.text("/running").await, "false");
        // Started once more after it died, then destroyed.
        miniflare.text("/start").await;
        assert_eq!(miniflare.when_ready("/time").await, "now");
        assert_eq!(miniflare.text("/destroy").await, "destroyed");
        assert_eq!(miniflare.text("/running").await, "false");
        assert_eq!(miniflare.text("/running?box=b").await, "true");

        // Miniflare removes the containers of its session when it ends.
        miniflare.finish().await;
        nothing_left(&state.path().join("engine")).await;
        engine.shutdown(Duration::ZERO).await;
    }
}

/// How long a request takes into a container and straight to a server of the
/// same kind, for the record; nothing is asserted about it.
async fn latency(miniflare: &Miniflare) -> String {
    let mut medians = Vec::new();
    for path in ["/direct", "/time"] {
        let client = reqwest::Client::new();
        let mut times = Vec::new();
        for _ in 0..300 {
            let start = Instant::now();
            let url = format!("{}{path}", miniflare.url);
            client.get(url).send().await.unwrap().text().await.unwrap();
            times.push(start.elapsed());
        }
        times.sort();
        medians.push((path, times[times.len() / 2]));
    }
    format!("{medians:?}")
}
