//! Additional programs in a container.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde_json::json;
use xtask::engine::{Isolation, Leak, leaks};

use crate::support::{isolations, own_test, shell, start};

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
            "Cmd": ["sh", "-c", "echo $EXTRA $FROM_IMAGE $HOME; pwd; id -u"],
            "Env": ["EXTRA=one two"],
            "WorkingDir": "/tmp",
            "User": "openclaw",
        });
        let uid = if isolation == Isolation::Namespaces {
            1000
        } else {
            0
        };
        let expected = format!("one two yes /home/openclaw\n/tmp\n{uid}\n");
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

/// Runs inside a container: hides its memory, as tedix-init does.
#[test]
#[ignore = "a program for containers"]
fn hiding_program() {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap();
    std::fs::write("/data/hidden", "").unwrap();
    std::thread::sleep(std::time::Duration::from_mins(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_process_that_hides_is_entered_and_signalled_all_the_same() {
    for isolation in isolations() {
        let host = start(isolation).await;
        host.api.run("a", &own_test("exec::hiding_program")).await;
        host.api
            .sh("a", "until test -e /data/hidden; do sleep 0.02; done")
            .await;
        assert_eq!(host.api.sh("a", "echo inside").await, "inside\n");
        let folder = host.state.path().join("engine");
        let contained = |leak: &Leak| matches!(leak, Leak::Contained { .. });
        assert!(leaks(&folder).iter().any(contained));
        assert_eq!(host.api.post("/containers/a/kill?signal=KILL").await.0, 204);
        assert_eq!(host.api.wait("a").await, 137);
        host.finish().await;
    }
}
