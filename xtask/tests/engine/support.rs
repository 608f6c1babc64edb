//! What workerd is to the engine: a client of its API, and an egress port.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use xtask::engine::{Bind, Engine, EngineConfig, Image, Isolation, leaks};

pub(crate) const IMAGE: &str = "tedix-test";
pub(crate) const EGRESS_IMAGE: &str = "tedix-test-egress";

/// Where containers find this test program.
pub(crate) const SELF_IN_CONTAINER: &str = "/opt/test/program";

/// The isolations this machine offers to this user.
pub(crate) fn isolations() -> Vec<Isolation> {
    if rustix::process::geteuid().is_root() {
        vec![Isolation::Namespaces, Isolation::UserNamespaces]
    } else {
        vec![Isolation::UserNamespaces]
    }
}

pub(crate) fn config(state_dir: &Path, isolation: Isolation) -> EngineConfig {
    EngineConfig {
        socket: state_dir.join("engine.sock"),
        state_dir: state_dir.join("engine"),
        image: Image {
            name: IMAGE.into(),
            binds: vec![Bind {
                source: std::env::current_exe().unwrap(),
                target: SELF_IN_CONTAINER.into(),
            }],
            env: vec!["FROM_IMAGE=yes".into()],
            caches: vec!["cache".into()],
            ..Image::default()
        },
        egress_image: EGRESS_IMAGE.into(),
        isolation: Some(isolation),
        helper: Some(env!("CARGO_BIN_EXE_xtask").into()),
    }
}

/// A command that runs one of this program's ignored tests in a container.
pub(crate) fn own_test(name: &str) -> Vec<String> {
    [
        SELF_IN_CONTAINER,
        "--exact",
        name,
        "--ignored",
        "--nocapture",
    ]
    .map(str::to_owned)
    .to_vec()
}

pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) api: Api,
    pub(crate) state: tempfile::TempDir,
}

pub(crate) async fn start(isolation: Isolation) -> Host {
    let state = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(state.path(), isolation))
        .await
        .unwrap();
    let api = Api {
        socket: state.path().join("engine.sock"),
    };
    Host { engine, api, state }
}

impl Host {
    /// Stops the engine and makes sure that nothing is left of it.
    pub(crate) async fn finish(self) {
        self.engine.shutdown(Duration::from_millis(200)).await;
        assert_eq!(leaks(&self.state.path().join("engine")), []);
        assert!(!self.api.socket.exists());
    }
}

/// Waits until nothing of an engine is left, for two seconds at most.
pub(crate) async fn nothing_left(state_dir: &Path) {
    for _ in 0..40 {
        if leaks(state_dir).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", leaks(state_dir));
}

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) socket: PathBuf,
}

impl Api {
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut stream = BufReader::new(UnixStream::connect(&self.socket).await.unwrap());
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (status, length) = read_head(&mut stream).await;
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.unwrap();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, Value) {
        self.call("POST", path, None).await
    }

    /// Makes and starts a sidecar; the port that leads into its network.
    pub(crate) async fn sidecar(&self, name: &str) -> u16 {
        let request = json!({ "Image": EGRESS_IMAGE, "HostConfig": { "NetworkMode": "bridge" } });
        let path = format!("/containers/create?name={name}-proxy");
        assert_eq!(self.call("POST", &path, Some(request)).await.0, 201);
        let path = format!("/containers/{name}-proxy/start");
        assert_eq!(self.post(&path).await.0, 204);
        let (_, inspected) = self.get(&format!("/containers/{name}-proxy/json")).await;
        let port = &inspected["NetworkSettings"]["Ports"]["39001/tcp"][0]["HostPort"];
        port.as_str().unwrap().parse().unwrap()
    }

    /// Makes an app container on the sidecar's network.
    pub(crate) async fn create(&self, name: &str, cmd: &[String], env: &[&str]) {
        let request = json!({
            "Image": IMAGE,
            "Cmd": cmd,
            "Env": env,
            "Labels": { "dev.workerd.session": "s1" },
            "HostConfig": { "NetworkMode": format!("container:{name}-proxy") },
        });
        let path = format!("/containers/create?name={name}");
        assert_eq!(self.call("POST", &path, Some(request)).await.0, 201);
    }

    /// A whole container; the port that leads into its network.
    pub(crate) async fn run(&self, name: &str, cmd: &[String]) -> u16 {
        let port = self.sidecar(name).await;
        self.create(name, cmd, &[]).await;
        let (status, answer) = self.post(&format!("/containers/{name}/start")).await;
        assert_eq!(status, 204, "{answer}");
        port
    }

    pub(crate) async fn shell(&self, name: &str, script: &str) -> u16 {
        self.run(name, &shell(script)).await
    }

    pub(crate) async fn wait(&self, name: &str) -> i64 {
        let (status, answer) = self.post(&format!("/containers/{name}/wait")).await;
        assert_eq!(status, 200, "{answer}");
        answer["StatusCode"].as_i64().unwrap()
    }

    /// Runs a program to its end: exit code, standard output, error output.
    pub(crate) async fn exec(
        &self,
        name: &str,
        request: Value,
        stdin: &[u8],
    ) -> (i64, String, String) {
        let mut request = request;
        for stream in ["AttachStdin", "AttachStdout", "AttachStderr"] {
            request[stream] = true.into();
        }
        let path = format!("/containers/{name}/exec");
        let (status, answer) = self.call("POST", &path, Some(request)).await;
        assert_eq!(status, 201, "{answer}");
        let id = answer["Id"].as_str().unwrap().to_owned();

        let mut stream = BufReader::new(UnixStream::connect(&self.socket).await.unwrap());
        let body = r#"{"Detach":false,"Tty":false}"#;
        let head = format!(
            "POST /exec/{id}/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(read_head(&mut stream).await.0, 101);
        // What was read ahead is output already.
        let mut bytes = stream.buffer().to_vec();
        let (mut reader, mut writer) = stream.into_inner().into_split();
        let feed = async {
            // A program may end without having read its input.
            let _ = writer.write_all(stdin).await;
            let _ = writer.shutdown().await;
        };
        let (_, read) = tokio::join!(feed, reader.read_to_end(&mut bytes));
        read.unwrap();
        let (stdout, stderr) = unframe(&bytes);
        let (_, inspected) = self.get(&format!("/exec/{id}/json")).await;
        assert_eq!(inspected["Running"], false);
        (inspected["ExitCode"].as_i64().unwrap(), stdout, stderr)
    }

    /// Standard output of a shell script run in the container.
    pub(crate) async fn sh(&self, name: &str, script: &str) -> String {
        let (code, stdout, stderr) = self.exec(name, json!({ "Cmd": shell(script) }), b"").await;
        assert_eq!(code, 0, "{script}: {stdout}{stderr}");
        stdout
    }
}

pub(crate) fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// Status and content length of a message.
async fn read_head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> (u16, usize) {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let field = line.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            return (status, length);
        }
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
}

/// Splits Docker's multiplexed stream.
fn unframe(mut bytes: &[u8]) -> (String, String) {
    let mut streams = [Vec::new(), Vec::new()];
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
        streams[usize::from(head[0]) - 1].extend_from_slice(&rest[..length]);
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "half a frame is left");
    streams
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .into()
}

/// A tunnel to a port inside the container, as `getTcpPort().fetch` makes it.
pub(crate) async fn tunnel(ingress: u16, port: u16) -> Option<BufReader<TcpStream>> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", ingress)).await.unwrap());
    let head = format!(
        "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
         X-Dst-Addr: 127.0.0.1:{port}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    match read_head(&mut stream).await.0 {
        200 => Some(stream),
        400 => None,
        status => panic!("the tunnel's status is {status}"),
    }
}

/// The same, once somebody listens there.
pub(crate) async fn tunnel_when_ready(ingress: u16, port: u16) -> BufReader<TcpStream> {
    for _ in 0..200 {
        if let Some(stream) = tunnel(ingress, port).await {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens on port {port} of the container");
}

/// Sends a line and reads one back.
pub(crate) async fn say(
    stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    line: &str,
) -> String {
    stream
        .write_all(format!("{line}\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    answer.trim_end().to_owned()
}

/// Tells the sidecar which hosts workerd answers, and where.
pub(crate) async fn put_egress(ingress: u16, port: u16, hosts: &[&str]) {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", ingress)).await.unwrap());
    let body = json!({
        "port": port,
        "dns": { "allowHostnames": hosts },
        "internet": { "enabled": false },
    });
    let body = body.to_string();
    let head = format!(
        "PUT /egress HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_head(&mut stream).await.0, 200);
}

/// workerd's egress port: answers every line that comes through a tunnel with
/// the host name the tunnel was opened for.
pub(crate) struct EgressPort {
    pub(crate) port: u16,
    /// One entry for every tunnel.
    pub(crate) hosts: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn egress_port() -> EgressPort {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hosts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&hosts);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(answer_tunnel(BufReader::new(stream), seen));
        }
    });
    EgressPort { port, hosts }
}

async fn answer_tunnel(mut stream: BufReader<TcpStream>, seen: Arc<Mutex<Vec<String>>>) {
    let mut host = String::new();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("CONNECT 127."), "{line}");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.strip_prefix("X-Hostname:") {
            host = value.trim().to_owned();
        }
    }
    seen.lock().unwrap().push(host.clone());
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    line.clear();
    while stream
        .read_line(&mut line)
        .await
        .is_ok_and(|length| length > 0)
    {
        let answer = format!("{host} heard {line}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        line.clear();
    }
}
