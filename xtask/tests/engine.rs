//! The container engine, driven over its socket as workerd drives it.

mod engine_support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use engine_support::{
    EGRESS_IMAGE, IMAGE, egress_port, isolations, nothing_left, own_test, put_egress, say, shell, start, tunnel,
    tunnel_when_ready,
};
use xtask::engine::Isolation;

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
        let a = host.api.run("a", &own_test("echo_server")).await;
        let b = host.api.run("b", &own_test("echo_server")).await;
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

        let client = json!({ "Cmd": own_test("egress_client") });
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
            "Cmd": own_test("no_outside"),
            "Env": [format!("HOST_PORT={port}")],
        });
        let (code, stdout, stderr) = host.api.exec("a", client, b"").await;
        assert_eq!(code, 0, "{stdout}{stderr}");
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_sees_nothing_of_the_machine_that_is_not_its_own() {
    for isolation in isolations() {
        let host = start(isolation).await;
        host.api.shell("a", "sleep 60").await;
        let sh = async |script: &str| host.api.sh("a", script).await;

        // The checkout, the user's home, the engine's state, other processes.
        for path in [
            env!("CARGO_MANIFEST_DIR"),
            &std::env::var("HOME").unwrap_or("/home/nobody-here".into()),
            host.state.path().to_str().unwrap(),
        ] {
            let listing = sh(&format!("ls -A {path} 2>/dev/null || true")).await;
            assert_eq!(listing, "", "{path} must be empty or missing");
        }
        assert_eq!(
            sh("ls /home /mnt /srv /media /boot /sys 2>/dev/null || true")
                .await
                .trim(),
            "/home:\nopenclaw"
        );
        let processes = sh("ls /proc | grep -c '^[0-9]'").await;
        assert!(processes.trim().parse::<u32>().unwrap() <= 5, "{processes}");
        assert_eq!(
            sh("cat /proc/1/cmdline | tr '\\0' ' '").await,
            "/bin/sh -c sleep 60 "
        );

        // The environment is what was given; users are the image's.
        let mut env = sh("tr '\\0' '\\n' < /proc/1/environ | cut -d= -f1 | sort").await;
        env.retain(|c| c != '\r');
        assert_eq!(env, "FROM_IMAGE\nHOME\nHOSTNAME\nPATH\n");
        assert_eq!(
            sh("cut -d: -f1 /etc/passwd").await,
            "root\nopenclaw\nnobody\n"
        );
        assert_eq!(sh("cat /etc/resolv.conf").await, "");

        // Programs and settings of the machine cannot be written.
        for path in [
            "/usr/bin/x",
            "/usr/lib/x",
            "/etc/hosts",
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
        ] {
            let script = format!("(echo x > {path}) 2>/dev/null && echo written || echo refused");
            assert_eq!(sh(&script).await, "refused\n", "{path}");
        }
        assert_eq!(sh("mount -t tmpfs none /mnt 2>/dev/null || mknod /tmp/sda b 8 0 2>/dev/null && echo made || echo refused").await, "refused\n");
        let status = sh("grep -E 'NoNewPrivs|CapBnd|CapInh' /proc/self/status").await;
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("CapInh:\t0000000000000000"), "{status}");
        assert!(status.contains("CapBnd:\t00000000a00405fb"), "{status}");

        // What it needs is there.
        sh("test -c /dev/null && test -w /tmp && test -w /data && test -w /run && test -w /dev/shm && test -c /dev/ptmx").await;
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exec_has_its_streams_user_environment_and_directory() {
    for isolation in isolations() {
        let host = start(isolation).await;
        host.api.shell("a", "sleep 60").await;
        let exec = async |request, stdin: &[u8]| host.api.exec("a", request, stdin).await;

        let script = "cat; echo to-stderr >&2; exit 3";
        let streams = exec(json!({ "Cmd": shell(script) }), b"line\n").await;
        assert_eq!(streams, (3, "line\n".into(), "to-stderr\n".into()));

        let request = json!({
            "Cmd": ["sh", "-c", "echo $EXTRA $FROM_IMAGE; pwd; id -u"],
            "Env": ["EXTRA=one two"],
            "WorkingDir": "/tmp",
            "User": "openclaw",
        });
        let uid = if isolation == Isolation::Namespaces {
            1000
        } else {
            0
        };
        let expected = format!("one two yes\n/tmp\n{uid}\n");
        assert_eq!(exec(request, b"").await, (0, expected, String::new()));

        let megabyte = vec![b'x'; 1 << 20];
        let (code, stdout, _) = exec(json!({ "Cmd": ["cat"] }), &megabyte).await;
        assert_eq!((code, stdout.len()), (0, megabyte.len()));

        let (code, _, stderr) = exec(json!({ "Cmd": ["no-such-program"] }), b"").await;
        assert_eq!(code, 127);
        assert!(stderr.contains("no such program"), "{stderr}");
        let (code, ..) = exec(json!({ "Cmd": ["/etc/passwd"] }), b"").await;
        assert_eq!(code, 126);
        // A program left in the background does not keep the exec open.
        let (code, stdout, _) = exec(json!({ "Cmd": shell("sleep 50 & echo done") }), b"").await;
        assert_eq!((code, stdout.as_str()), (0, "done\n"));

        for bad in [
            json!({ "Cmd": [] }),
            json!({ "Cmd": ["id"], "User": "mallory" }),
            json!({ "Cmd": "id" }),
        ] {
            let (status, _) = host.api.call("POST", "/containers/a/exec", Some(bad)).await;
            assert_eq!(status, 400);
        }
        assert_eq!(host.api.post("/exec/unknown/start").await.0, 404);
        assert_eq!(host.api.get("/exec/unknown/json").await.0, 404);
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_first_process_and_waiting_tells_how_it_ended() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let script = "trap 'echo hup >> /data/signals' HUP; trap 'exit 7' TERM; touch /data/ready; \
                      while :; do sleep 0.05; done";
        host.api.shell("a", script).await;
        let (_, inspected) = host.api.get("/containers/a/json").await;
        let pid = inspected["State"]["Pid"].as_i64().unwrap();
        let cmdline = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(cmdline.starts_with("/bin/sh\0-c\0trap"), "{cmdline}");
        let waiting = {
            let api = host.api.clone();
            tokio::spawn(async move { api.wait("a").await })
        };
        host.api
            .sh("a", "until test -e /data/ready; do sleep 0.02; done")
            .await;
        for signal in ["SIGHUP", "1"] {
            let path = format!("/containers/a/kill?signal={signal}");
            assert_eq!(host.api.post(&path).await.0, 204);
            // Two of a kind that are pending at once are one.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert_eq!(host.api.sh("a", "cat /data/signals").await, "hup\nhup\n");
        assert_eq!(
            host.api.post("/containers/a/kill?signal=SIGNOPE").await.0,
            400
        );
        assert_eq!(host.api.post("/containers/a/kill?signal=TERM").await.0, 204);
        assert_eq!(waiting.await.unwrap(), 7);

        assert_eq!(host.api.post("/containers/a/kill").await.0, 409);
        let (_, inspected) = host.api.get("/containers/a/json").await;
        assert_eq!(inspected["State"]["ExitCode"], 7);
        assert_eq!(inspected["State"]["Status"], "exited");
        assert_eq!(inspected["State"]["Pid"], 0);

        // Started again, killed outright, and once more asked to stop.
        assert_eq!(host.api.post("/containers/a/start").await.0, 204);
        assert_eq!(host.api.post("/containers/a/start").await.0, 304);
        assert_eq!(host.api.post("/containers/a/kill?signal=9").await.0, 204);
        assert_eq!(host.api.wait("a").await, 137);
        assert_eq!(host.api.post("/containers/a/stop").await.0, 304);
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_container_ends_it_and_all_its_processes() {
    for isolation in isolations() {
        let host = start(isolation).await;
        // PID 1 that ignores SIGTERM, with children in sessions of their own.
        host.api
            .shell(
                "a",
                "trap '' TERM; setsid sleep 61 & setsid sleep 62 & wait",
            )
            .await;
        assert_eq!(host.api.call("DELETE", "/containers/a", None).await.0, 409);
        let removed = {
            let api = host.api.clone();
            tokio::spawn(async move { api.post("/containers/a/wait?condition=removed").await })
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            host.api
                .call("DELETE", "/containers/a?force=true", None)
                .await
                .0,
            204
        );
        assert_eq!(removed.await.unwrap(), (200, json!({ "StatusCode": 137 })));
        assert_eq!(host.api.get("/containers/a/json").await.0, 404);
        assert_eq!(host.api.post("/containers/a/wait").await.0, 404);
        assert_eq!(
            host.api
                .call("DELETE", "/containers/a-proxy?force=true", None)
                .await
                .0,
            204
        );
        nothing_left(&host.state.path().join("engine")).await;

        // The same name again, on a new network.
        host.api.shell("a", "exit 0").await;
        assert_eq!(host.api.wait("a").await, 0);
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_dockers() {
    let host = start(isolations()[0]).await;
    let create = async |name: &str, body| {
        let path = format!("/containers/create?name={name}");
        host.api.call("POST", &path, Some(body)).await
    };
    assert_eq!(create("a", json!({ "Image": "unknown" })).await.0, 404);
    assert_eq!(create("../a", json!({ "Image": IMAGE })).await.0, 400);
    assert_eq!(create("a", json!("nonsense")).await.0, 400);
    assert_eq!(
        create("a", json!({ "Image": format!("{IMAGE}:latest") }))
            .await
            .0,
        201
    );
    let (status, answer) = create("a", json!({ "Image": IMAGE })).await;
    assert_eq!(status, 409);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("already in use"),
        "{answer}"
    );

    // Without its network it does not start, and neither does what is not there.
    let (status, answer) = host.api.post("/containers/a/start").await;
    assert_eq!(status, 500, "{answer}");
    host.api.sidecar("b").await;
    host.api
        .create("b", &["no-such-program".to_owned()], &[])
        .await;
    let (status, answer) = host.api.post("/containers/b/start").await;
    assert_eq!(status, 500);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("no-such-program"),
        "{answer}"
    );
    let exec = json!({ "Cmd": ["id"] });
    assert_eq!(
        host.api
            .call("POST", "/containers/b/exec", Some(exec))
            .await
            .0,
        409
    );

    for path in ["/containers/none/json", "/images/none/json", "/nothing"] {
        assert_eq!(host.api.get(path).await.0, 404, "{path}");
    }
    assert_eq!(
        host.api
            .get(&format!("/images/{EGRESS_IMAGE}/json"))
            .await
            .0,
        200
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_listed_by_label() {
    let host = start(isolations()[0]).await;
    host.api.shell("a", "sleep 60").await;
    let names = async |query: &str| {
        let (status, rows) = host.api.get(&format!("/containers/json?{query}")).await;
        assert_eq!(status, 200);
        let mut names: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["Names"][0].clone())
            .collect();
        names.sort_by_key(ToString::to_string);
        names
    };
    let label = |text: &str| format!("all=1&filters=%7B%22label%22%3A%5B%22{text}%22%5D%7D");
    assert_eq!(names(&label("dev.workerd.session%3Ds1")).await, ["/a"]);
    assert!(
        names(&label("dev.workerd.session%3Dother"))
            .await
            .is_empty()
    );
    assert_eq!(names("all=1").await, ["/a", "/a-proxy"]);
    host.api.post("/containers/a/kill").await;
    host.api.wait("a").await;
    assert_eq!(names("").await, ["/a-proxy"]);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_outlives_the_instance_and_nothing_else_does() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let state = host.state;
        host.api
            .shell(
                "a",
                "echo kept > /data/file; echo lost > /tmp/file; echo lost > /file; echo said",
            )
            .await;
        assert_eq!(host.api.wait("a").await, 0);
        let log = host.engine.log_file("a");
        host.engine.shutdown(Duration::ZERO).await;
        assert_eq!(std::fs::read_to_string(log).unwrap(), "said\n");

        let config = engine_support::config(state.path(), isolation);
        let engine = xtask::engine::Engine::start(config).await.unwrap();
        host.api.shell("a", "sleep 60").await;
        assert_eq!(host.api.sh("a", "cat /data/file").await, "kept\n");
        assert_eq!(
            host.api
                .sh("a", "ls /tmp; test -e /file || echo gone")
                .await,
            "gone\n"
        );

        // The same data under the name of a later session: the first has to go.
        host.api.sidecar("workerd-s1-a").await;
        host.api
            .create("workerd-s1-a", &shell("sleep 60"), &[])
            .await;
        assert_eq!(host.api.post("/containers/workerd-s1-a/start").await.0, 204);
        assert_eq!(host.api.get("/containers/a/json").await.0, 404);
        assert_eq!(
            host.api.sh("workerd-s1-a", "cat /data/file").await,
            "kept\n"
        );

        let second = engine_support::config(state.path(), isolation);
        let error = xtask::engine::Engine::start(second).await.unwrap_err();
        assert!(
            error.to_string().contains("another container engine"),
            "{error}"
        );
        engine.shutdown(Duration::ZERO).await;
        xtask::engine::wipe(&state.path().join("engine")).unwrap();
        assert!(!state.path().join("engine").exists());
    }
}
