//! From create to remove, and what is kept.

use std::time::Duration;

use serde_json::json;
use xtask::engine::Engine;

use crate::support::{EGRESS_IMAGE, IMAGE, config, isolations, nothing_left, shell, start};

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
        for (taken, signal) in ["SIGHUP", "1"].iter().enumerate() {
            let path = format!("/containers/a/kill?signal={signal}");
            assert_eq!(host.api.post(&path).await.0, 204);
            // Two of a kind that are pending at once are one, so the second waits
            // until the first has been taken.
            let lines = taken + 1;
            let taken = format!(
                "i=0; until test \"$(cat /data/signals 2>/dev/null | wc -l)\" -ge {lines}; do \
                 i=$((i + 1)); test $i -lt 1000 || exit 1; sleep 0.02; done"
            );
            host.api.sh("a", &taken).await;
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
async fn nothing_outlives_the_instance_but_its_log_and_caches() {
    for isolation in isolations() {
        let host = start(isolation).await;
        let state = host.state;
        host.api
            .shell(
                "a",
                "mkdir /data/cache /data/other; echo kept > /data/cache/file; \
                 echo lost > /data/file; echo lost > /tmp/file; echo lost > /file; echo said",
            )
            .await;
        assert_eq!(host.api.wait("a").await, 0);
        let log = host.engine.log_file("a");
        host.engine.shutdown(Duration::ZERO).await;
        assert_eq!(std::fs::read_to_string(log).unwrap(), "said\n");

        let engine = Engine::start(config(state.path(), isolation))
            .await
            .unwrap();
        host.api.shell("a", "sleep 60").await;
        assert_eq!(host.api.sh("a", "cat /data/cache/file").await, "kept\n");
        assert_eq!(host.api.sh("a", "ls /data").await, "cache\n");
        assert_eq!(
            host.api
                .sh("a", "ls /tmp; test -e /file || echo gone")
                .await,
            "gone\n"
        );

        // The same place under the name of a later session: the first has to go.
        host.api.sidecar("workerd-s1-a").await;
        host.api
            .create("workerd-s1-a", &shell("sleep 60"), &[])
            .await;
        assert_eq!(host.api.post("/containers/workerd-s1-a/start").await.0, 204);
        assert_eq!(host.api.get("/containers/a/json").await.0, 404);
        assert_eq!(
            host.api.sh("workerd-s1-a", "cat /data/cache/file").await,
            "kept\n"
        );

        let second = config(state.path(), isolation);
        let error = Engine::start(second).await.unwrap_err();
        assert!(
            error.to_string().contains("another container engine"),
            "{error}"
        );
        engine.shutdown(Duration::ZERO).await;
        xtask::engine::wipe(&state.path().join("engine")).unwrap();
        assert!(!state.path().join("engine").exists());
    }
}
