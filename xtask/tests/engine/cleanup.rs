//! Whatever dies, and however: nothing of a container may be left.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use xtask::engine::{Engine, Isolation, Leak, leaks};

use crate::support::{Api, config, isolations, nothing_left, start};

const STATE_DIR: &str = "ENGINE_TEST_STATE_DIR";
const ROOTLESS: &str = "ENGINE_TEST_ROOTLESS";

/// Runs as a process of its own: an engine with a container, until killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a program for other tests"]
async fn engine_process() {
    let state = PathBuf::from(std::env::var_os(STATE_DIR).unwrap());
    let isolation = match std::env::var_os(ROOTLESS) {
        Some(_) => Isolation::UserNamespaces,
        None => Isolation::Namespaces,
    };
    let engine = Engine::start(config(&state, isolation)).await.unwrap();
    let api = Api {
        socket: state.join("engine.sock"),
    };
    // One that would rather stay.
    let stubborn = "trap '' TERM HUP INT; setsid sleep 61 & echo up > /data/up; wait";
    api.shell("a", stubborn).await;
    api.sh("a", "until test -e /data/up; do sleep 0.02; done")
        .await;
    println!("\nready");
    std::future::pending::<()>().await;
    drop(engine);
}

async fn spawn_engine(state: &Path, isolation: Isolation) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "cleanup::engine_process",
            "--ignored",
            "--nocapture",
        ])
        .env(STATE_DIR, state)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if isolation == Isolation::UserNamespaces {
        command.env(ROOTLESS, "1");
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next_line().await.unwrap().expect("the engine starts") != "ready" {}
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_takes_its_containers_with_it() {
    for isolation in isolations() {
        let state = tempfile::tempdir().unwrap();
        let mut engine = spawn_engine(state.path(), isolation).await;
        let folder = state.path().join("engine");
        let alive = leaks(&folder);
        let contained = |leak: &&Leak| matches!(leak, Leak::Contained { .. });
        assert!(alive.iter().filter(contained).count() >= 2, "{alive:?}");
        assert!(alive.len() >= 4, "a holder and a launcher too: {alive:?}");

        engine.start_kill().unwrap();
        engine.wait().await.unwrap();
        nothing_left(&folder).await;

        // And the next one starts on what it has left, with an empty disk.
        let host = Engine::start(config(state.path(), isolation))
            .await
            .unwrap();
        let api = Api {
            socket: state.path().join("engine.sock"),
        };
        api.shell("a", "test ! -e /data/up").await;
        assert_eq!(api.wait("a").await, 0);
        assert_eq!(
            std::fs::read_dir(folder.join("instances")).unwrap().count(),
            2
        );
        host.shutdown(Duration::ZERO).await;
        assert_eq!(
            std::fs::read_dir(folder.join("instances")).unwrap().count(),
            0
        );
        assert_eq!(leaks(&folder), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_launcher_takes_its_container_with_it() {
    for isolation in isolations() {
        let host = start(isolation).await;
        host.api.shell("a", "sleep 60").await;
        let folder = host.state.path().join("engine");
        for leak in leaks(&folder) {
            if let Leak::Helper { pid } = leak {
                let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                kill_process(pid, Signal::KILL).unwrap();
            }
        }
        assert_eq!(host.api.wait("a").await, 137);
        nothing_left(&folder).await;
        // A new network and a new instance, as workerd would make them.
        for name in ["a", "a-proxy"] {
            let path = format!("/containers/{name}?force=true");
            assert_eq!(host.api.call("DELETE", &path, None).await.0, 204);
        }
        host.api.shell("a", "exit 5").await;
        assert_eq!(host.api.wait("a").await, 5);
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_asks_before_it_kills() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let state = host.state;
        host.api
            .shell("a", "trap 'echo bye > /data/end; exit 0' TERM; touch /data/up; while :; do sleep 0.05; done")
            .await;
        host.api
            .sh("a", "until test -e /data/up; do sleep 0.02; done")
            .await;
        host.engine.shutdown(Duration::from_secs(10)).await;
        let end = state.path().join("engine/data/a/end");
        assert_eq!(std::fs::read_to_string(end).unwrap(), "bye\n");
        assert_eq!(leaks(&state.path().join("engine")), []);
    }
}
