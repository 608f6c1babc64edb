//! The way into a container, and the only ways out of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use crate::support::{
    egress_port, isolations, own_test, put_egress, say, shell, start, tunnel, tunnel_when_ready,
};

/// Runs inside a container: answers every line with it and the host's name.
#[test]
#[ignore = "a program for containers"]
fn echo_server() {
    let listener = TcpListener::bind(("127.0.0.1", 8080)).unwrap();
    let name = std::fs::read_to_string("/etc/hostname").unwrap();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        let name = name.clone();
        std::thread::spawn(move || {
            let mut writer = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { return };
                writeln!(writer, "{} {line}", name.trim()).unwrap();
            }
        });
    }
}

/// Runs inside a container: two lines through one connection to each host.
#[test]
#[ignore = "a program for containers"]
fn egress_client() {
    for host in ["models.internal", "governance.internal"] {
        let stream = TcpStream::connect((host, 80)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        for word in ["first", "second"] {
            writeln!(writer, "{word}").unwrap();
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line.trim_end(), format!("{host} heard {word}"));
        }
    }
}

/// Runs inside a container: nothing but the loopback interface can be reached.
#[test]
#[ignore = "a program for containers"]
fn no_outside() {
    let host_port = std::env::var("HOST_PORT").unwrap().parse().unwrap();
    let refused = TcpStream::connect(("127.0.0.1", host_port)).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let unreachable = TcpStream::connect(("1.1.1.1", 80)).unwrap_err();
    assert_eq!(unreachable.kind(), std::io::ErrorKind::NetworkUnreachable);
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap();
    assert_eq!(interfaces.lines().skip(2).count(), 1, "{interfaces}");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_on_the_same_port_are_reached_each_on_its_own() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let a = host.api.run("a", &own_test("network::echo_server")).await;
        let b = host.api.run("b", &own_test("network::echo_server")).await;
        assert!(tunnel(a, 9999).await.is_none(), "nobody listens there");
        let mut to_a = tunnel_when_ready(a, 8080).await;
        let mut to_b = tunnel_when_ready(b, 8080).await;
        let (from_a, from_b) = (say(&mut to_a, "x").await, say(&mut to_b, "x").await);
        assert!(
            from_a.ends_with(" x") && from_b.ends_with(" x"),
            "{from_a} {from_b}"
        );
        assert_ne!(from_a, from_b);

        let mut many = tokio::task::JoinSet::new();
        for number in 0..100 {
            many.spawn(async move {
                let mut stream = tunnel(a, 8080).await.unwrap();
                let line = format!("line {number}");
                assert!(say(&mut stream, &line).await.ends_with(&line));
            });
        }
        many.join_all().await;
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn intercepted_hosts_are_answered_by_the_egress_port() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let egress = egress_port().await;
        // One host is known before the container starts, one only after.
        let ingress = host.api.sidecar("a").await;
        put_egress(ingress, egress.port, &["models.internal"]).await;
        host.api.create("a", &shell("sleep 60"), &[]).await;
        assert_eq!(host.api.post("/containers/a/start").await.0, 204);
        put_egress(
            ingress,
            egress.port,
            &["Models.internal", "governance.internal"],
        )
        .await;

        let client = json!({ "Cmd": own_test("network::egress_client") });
        let (code, stdout, stderr) = host.api.exec("a", client, b"").await;
        assert_eq!(code, 0, "{stdout}{stderr}");
        assert_eq!(
            *egress.hosts.lock().unwrap(),
            ["models.internal", "governance.internal"],
            "one tunnel for each connection"
        );

        put_egress(ingress, egress.port, &["models.internal"]).await;
        let hosts = host.api.sh("a", "cat /etc/hosts").await;
        assert!(hosts.contains("models.internal"), "{hosts}");
        assert!(!hosts.contains("governance.internal"), "{hosts}");
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_leaves_the_container() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        host.api.shell("a", "sleep 60").await;
        let client = json!({
            "Cmd": own_test("network::no_outside"),
            "Env": [format!("HOST_PORT={port}")],
        });
        let (code, stdout, stderr) = host.api.exec("a", client, b"").await;
        assert_eq!(code, 0, "{stdout}{stderr}");
        host.finish().await;
    }
}
