//! Machines without namespaces: plain processes, and said so.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::json;
use xtask::engine::Isolation;

use crate::support::{
    egress_port, nothing_left, own_test, put_egress, shell, start, tunnel_when_ready,
};

/// Runs as a container: asks the proxy for a host that is answered, and for
/// one that is not.
#[test]
#[ignore = "a program for containers"]
fn proxy_client() {
    let proxy = std::env::var("http_proxy").unwrap();
    let proxy = proxy.strip_prefix("http://").unwrap();
    let connect = |host: &str| {
        let mut stream = TcpStream::connect(proxy).unwrap();
        write!(
            stream,
            "CONNECT {host}:80 HTTP/1.1\r\nHost: {host}:80\r\n\r\n"
        )
        .unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        (stream, reader, status)
    };
    let (mut writer, reader, status) = connect("models.internal");
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
    writeln!(writer, "hello").unwrap();
    let mut lines = reader.lines().skip(1);
    assert_eq!(
        lines.next().unwrap().unwrap(),
        "models.internal heard hello"
    );
    let (_, _, status) = connect("other.internal");
    assert_eq!(status, "HTTP/1.1 403 Forbidden\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_a_container_is_a_plain_process_and_said_to_be() {
    let host = start(Isolation::None).await;
    let warnings = host.engine.warnings().join("\n");
    assert!(warnings.contains("NOT isolated"), "{warnings}");

    let egress = egress_port().await;
    let ingress = host.api.sidecar("a").await;
    put_egress(ingress, egress.port, &["models.internal"]).await;
    // The image's paths are moved, in the command and in the environment.
    let script = "echo kept > $DATA/file; test -x /bin/sh; setsid sleep 61 & exec sleep 60";
    host.api.create("a", &shell(script), &["DATA=/data"]).await;
    assert_eq!(host.api.post("/containers/a/start").await.0, 204);
    let client = json!({ "Cmd": own_test("plain::proxy_client") });
    let (code, stdout, stderr) = host.api.exec("a", client, b"").await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(*egress.hosts.lock().unwrap(), ["models.internal"]);
    let data = host.state.path().join("engine/data/a/file");
    assert_eq!(std::fs::read_to_string(data).unwrap(), "kept\n");

    // A second one would answer for the first.
    host.api.sidecar("b").await;
    host.api.create("b", &shell("sleep 60"), &[]).await;
    let (status, answer) = host.api.post("/containers/b/start").await;
    assert_eq!(status, 500);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("one gateway"), "{message}");

    // The launcher ends only when the program it left behind has.
    for name in ["a", "a-proxy"] {
        let path = format!("/containers/{name}?force=true");
        assert_eq!(host.api.call("DELETE", &path, None).await.0, 204);
    }
    nothing_left(&host.state.path().join("engine")).await;
    host.finish().await;
}

/// Runs as a container: a server on a port that the kernel has chosen.
#[test]
#[ignore = "a program for containers"]
fn server_on_any_port() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        writeln!(stream.unwrap(), "reached").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_of_a_plain_process_are_reached_through_its_sidecar() {
    let host = start(Isolation::None).await;
    let server = own_test("plain::server_on_any_port");
    let ingress = host.api.run("a", &server).await;
    let log = host.engine.log_file("a");
    let port = loop {
        let text = std::fs::read_to_string(&log).unwrap();
        if let Some(port) = text.lines().find_map(|line| line.strip_prefix("port ")) {
            break port.parse().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let mut stream = tunnel_when_ready(ingress, port).await;
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut stream, &mut line)
        .await
        .unwrap();
    assert_eq!(line, "reached\n");
    host.finish().await;
}
