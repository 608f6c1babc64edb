//! The governance API from request to reply, over a real SQLite.

mod odd_documents;

use domain::problem::Problem;
use serde_json::{Value, json};

use super::{ApiRequest, ROUTES, find, run};
use crate::command::{Caller, Operation, Outcome, Reply};
use crate::sandbox::core::Core;
use crate::sandbox::core::tests::{MemoryDb, core, t0};

const PREFIX: &str = "/_gateway/v1";

fn person(email: &str) -> Caller {
    Caller::Person {
        email: email.to_owned(),
        groups: Vec::new(),
    }
}

fn member(email: &str, groups: &[&str]) -> Caller {
    Caller::Person {
        email: email.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn service(name: &str) -> Caller {
    Caller::Service {
        name: name.to_owned(),
    }
}

/// A core whose policy names one person for each role.
fn with_people() -> Core<MemoryDb> {
    let mut core = core();
    let document = json!({
        "schema": 1,
        "access": {
            "operators": [
                {"email": "ada@example.com", "role": "admin"},
                {"email": "oli@example.com", "role": "operator"},
                {"email": "vic@example.com", "role": "viewer"},
            ],
            "users": ["una@example.com"],
        },
    });
    let put = request(Some("\"v1\""), &json!({"document": document}));
    call(&mut core, "ada@example.com", "PUT", "/policy", &put).expect("saved");
    core
}

fn request(if_match: Option<&str>, body: &Value) -> ApiRequest {
    ApiRequest {
        if_match: if_match.map(str::to_owned),
        content_type: Some("application/json".to_owned()),
        body: body.to_string().into_bytes(),
        ..ApiRequest::default()
    }
}

fn call(
    core: &mut Core<MemoryDb>,
    who: &str,
    method: &str,
    path: &str,
    request: &ApiRequest,
) -> Outcome {
    let route = find(method, &format!("{PREFIX}{path}"))?;
    let request = &ApiRequest {
        path: path.to_owned(),
        ..request.clone()
    };
    match (route.read)(request)? {
        // The shell draws the code.
        Operation::GrantSnapshot { generation, grant } => {
            super::grant_snapshot(core, &person(who), generation, grant, [7; 32], t0())
        }
        operation => run(core, &person(who), operation, t0()),
    }
}

fn ask(core: &mut Core<MemoryDb>, who: &str, method: &str, path: &str) -> Result<u16, u16> {
    // A request that each operation can read, so that only the role decides.
    let document = serde_json::to_value(&core.newest().document).expect("json");
    let path = &path
        .replace("{version}", "1")
        .replace("{id}", "p9")
        .replace("{device}", "r-9")
        .replace("{generation}", "1")
        .replace("{grant}", "1");
    let tag = format!("\"v{}\"", core.newest().version);
    let body = match path.as_str() {
        "/policy/explain" => json!({"questions": [{"tool": "exec"}]}),
        "/proposals" => {
            json!({"kind": "config_key", "target": "/tools/deny", "content": ["exec"], "reason": "why"})
        }
        path if path.starts_with("/proposals/") || path.starts_with("/devices/") => json!({}),
        path if path.ends_with("/restore") => json!({}),
        path if path.ends_with("/grants") => json!({"minutes": 60}),
        "/sandbox/destroy" | "/openclaw/back" => json!({}),
        "/openclaw/version" => json!({"version": null}),
        "/snapshots/clone" => {
            json!({"from": "https://old.example.com", "generation": 7, "code": "tgr_x"})
        }
        "/budgets/extensions" => {
            json!({"tokens": 5, "until": (t0() + chrono::TimeDelta::hours(1)).to_rfc3339()})
        }
        "/models/stop" => json!({"note": "too much"}),
        "/enrolment" => json!({"registry_url": "https://r.example", "join_token": "tjt_x"}),
        _ => json!({"document": document}),
    };
    let outcome = call(core, who, method, path, &request(Some(&tag), &body));
    outcome
        .map(|reply| reply.status)
        .map_err(|problem| problem.status)
}

#[test]
fn a_grant_says_for_how_long_and_nothing_else() {
    let mut core = with_people();
    let mut grant = |body: Value| {
        let request = request(None, &body);
        let path = "/snapshots/1/grants";
        call(&mut core, "ada@example.com", "POST", path, &request).expect_err("refused")
    };
    for (body, status, pointer) in [
        (json!({"minutes": 60}), 404, None),
        (json!({"minutes": 0}), 422, Some("/minutes")),
        (json!({"minutes": 1441}), 422, Some("/minutes")),
        (json!({"minutes": -1}), 422, Some("")),
        (json!({"minutes": 60, "code": "mine"}), 422, Some("")),
        (
            json!({"minutes": 60, "note": "x".repeat(501)}),
            422,
            Some("/note"),
        ),
        (json!({}), 422, Some("")),
    ] {
        let problem = grant(body.clone());
        let at = problem.errors.first().map(|error| error.pointer.as_str());
        assert_eq!((problem.status, at), (status, pointer), "{body}");
    }
    let malformed = ApiRequest {
        body: b"{".to_vec(),
        ..request(None, &json!({}))
    };
    let path = "/snapshots/1/grants";
    let refused = call(&mut core, "ada@example.com", "POST", path, &malformed);
    assert_eq!(refused.expect_err("malformed").status, 400);
    for path in [
        "/snapshots/x/grants",
        "/snapshots/1/grants/x",
        "/snapshots/0/grants/1",
    ] {
        let none = call(&mut core, "ada@example.com", "DELETE", path, &malformed);
        assert!(matches!(none.expect_err(path).status, 404 | 405), "{path}");
    }
}

#[test]
fn a_clone_says_from_where_and_with_which_code() {
    let ada = "ada@example.com";
    let ask = |core: &mut Core<MemoryDb>, body: &Value| {
        call(core, ada, "POST", "/snapshots/clone", &request(None, body))
    };
    let good = json!({"from": "https://old.example.com", "generation": 7, "code": "tgr_s3cret"});
    for (key, value, pointer) in [
        ("from", json!("http://old.example.com"), "/from"),
        ("from", json!("https://169.254.169.254"), "/from"),
        ("from", json!("https://old.example.com/x"), "/from"),
        ("from", json!("https://state.internal"), "/from"),
        ("from", json!("https://company.example.com"), "/from"),
        ("generation", json!(0), "/generation"),
        ("generation", json!(-1), ""),
        ("code", json!(""), "/code"),
        ("code", json!("x\r\ny: z"), "/code"),
        ("code", json!("x".repeat(201)), "/code"),
        ("code", json!(7), ""),
        ("note", json!("x".repeat(501)), "/note"),
        ("replace", json!("yes"), ""),
        ("line", json!("mine"), ""),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let problem = ask(&mut with_people(), &body).expect_err(key);
        let at = problem.errors.first().map(|error| error.pointer.as_str());
        assert_eq!((problem.status, at), (422, Some(pointer)), "{body}");
        assert!(!problem.to_string().contains("s3cret"));
    }
    let mut core = with_people();
    let answer = ask(&mut core, &good).expect("asked").body;
    assert_eq!(answer["state"], "copying");
    assert!(!answer.to_string().contains("s3cret"));
    assert_eq!(
        ask(&mut core, &good).expect_err("one at a time").status,
        409
    );
    let shown = call(
        &mut core,
        "vic@example.com",
        "GET",
        "/snapshots/clone",
        &request(None, &good),
    );
    assert!(!shown.expect("shown").body.to_string().contains("s3cret"));
    let audit = call(&mut core, ada, "GET", "/audit", &request(None, &good)).expect("shown");
    assert!(audit.body.to_string().contains("state.clone_asked"));
    assert!(!audit.body.to_string().contains("s3cret"));
    let ended = call(
        &mut core,
        ada,
        "DELETE",
        "/snapshots/clone",
        &request(None, &good),
    );
    assert_eq!(ended.expect("called off").body["state"], "cancelled");
}

#[test]
fn who_may_do_what() {
    let people = ["una", "vic", "oli", "ada"];
    let mut matrix = String::new();
    for route in ROUTES
        .iter()
        .filter(|route| (route.method, route.path) != ("POST", "/enrolment"))
    {
        let cells = people.map(|name| {
            let mut core = with_people();
            let who = format!("{name}@example.com");
            ask(&mut core, &who, route.method, route.path)
                .unwrap_or_else(|status| status)
                .to_string()
        });
        matrix.push_str(&format!(
            "{:4} {:32} {}\n",
            route.method,
            route.path,
            cells.join(" ")
        ));
    }
    // 404: OpenClaw has not reported, no registry was joined, no snapshot was taken.
    insta::assert_snapshot!(matrix, @r"
    GET  /status                          403 200 200 200
    GET  /policy                          403 200 200 200
    PUT  /policy                          403 403 403 200
    POST /policy/validate                 403 200 200 200
    POST /policy/diff                     403 200 200 200
    GET  /policy/effective                403 404 404 404
    GET  /policy/versions                 403 200 200 200
    GET  /policy/versions/{version}       403 200 200 200
    POST /policy/versions/{version}/restore 403 403 403 200
    POST /policy/explain                  403 200 200 200
    GET  /policy/coverage                 403 200 200 200
    GET  /proposals                       403 200 200 200
    POST /proposals                       403 403 201 201
    GET  /proposals/{id}                  403 404 404 404
    POST /proposals/{id}/approve          403 403 404 404
    POST /proposals/{id}/reject           403 403 404 404
    GET  /usage                           403 200 200 200
    GET  /usage/calls                     403 200 200 200
    GET  /usage/refusals                  403 200 200 200
    GET  /budgets                         403 200 200 200
    POST /budgets/extensions              403 403 201 201
    POST /models/stop                     403 403 200 200
    DELETE /models/stop                     403 403 200 200
    GET  /audit                           403 200 200 200
    GET  /audit/verify                    403 200 200 200
    POST /sandbox/start                   403 403 202 202
    POST /sandbox/stop                    403 403 202 202
    POST /sandbox/restart                 403 403 202 202
    POST /sandbox/destroy                 403 403 403 202
    GET  /snapshots                       403 200 200 200
    POST /snapshots                       403 403 409 409
    GET  /snapshots/clone                 403 200 200 200
    POST /snapshots/clone                 403 403 403 202
    DELETE /snapshots/clone                 403 403 403 404
    GET  /snapshots/{generation}          403 404 404 404
    POST /snapshots/{generation}/restore  403 403 403 404
    GET  /snapshots/{generation}/grants   403 403 403 404
    POST /snapshots/{generation}/grants   403 403 403 404
    DELETE /snapshots/{generation}/grants/{grant} 403 403 403 404
    GET  /openclaw                        403 200 200 200
    POST /openclaw/version                403 403 403 412
    POST /openclaw/back                   403 403 403 412
    GET  /devices                         403 200 200 200
    POST /devices/{device}/approve        403 403 403 404
    POST /devices/{device}/reject         403 403 404 404
    POST /devices/{device}/revoke         403 403 404 404
    GET  /enrolment                       403 404 404 404
    ");
}

#[test]
fn only_admins_join_a_registry() {
    let core = with_people();
    for (name, allowed) in [
        ("una", false),
        ("vic", false),
        ("oli", false),
        ("ada", true),
    ] {
        let caller = person(&format!("{name}@example.com"));
        assert_eq!(
            super::authorize_join(&core, &caller, t0()).is_ok(),
            allowed,
            "{name}"
        );
    }
}

/// The same policy with a group and service tokens in it.
fn with_members() -> Core<MemoryDb> {
    let mut core = with_people();
    let mut document = serde_json::to_value(&core.newest().document).expect("json");
    document["access"]["groups"] = json!([
        {"group": "platform", "role": "admin"}, {"group": "staff", "role": "user"},
        {"group": "Ops Müller", "role": "operator"},
    ]);
    document["access"]["services"] = json!([
        {"name": "4f1d.access", "role": "viewer"}, {"name": "77aa.access", "role": "admin"},
    ]);
    let put = request(Some("\"v2\""), &json!({"document": document}));
    call(&mut core, "ada@example.com", "PUT", "/policy", &put).expect("saved");
    core
}

#[test]
fn members_of_groups_and_services_may_do_what_their_role_may() {
    let core = with_members();
    let role = |caller: &Caller| match core.principal(caller, t0()) {
        Ok(who) => who.role.to_string(),
        Err(problem) => problem.status.to_string(),
    };
    for (caller, expected) in [
        (member("zoe@example.com", &["platform"]), "admin"),
        (
            member("zoe@example.com", &["staff", "Ops Müller"]),
            "operator",
        ),
        (member("zoe@example.com", &["staff"]), "user"),
        // The higher of what their address and their groups give.
        (member("oli@example.com", &["staff"]), "operator"),
        (member("vic@example.com", &["platform"]), "admin"),
        (
            member("zoe@example.com", &["Platform", "platform ", "*", ""]),
            "403",
        ),
        (member("zoe@example.com", &[]), "403"),
        // Nobody is a member or a script by what they are called.
        (member("platform", &[]), "403"),
        (member("group:platform@example.com", &["platform"]), "403"),
        (
            member("service:4f1d.access@example.com", &["platform"]),
            "403",
        ),
        (service("4f1d.access"), "viewer"),
        (service("4F1D.access"), "403"),
        (service("ada@example.com"), "403"),
        (service("platform"), "403"),
    ] {
        assert_eq!(role(&caller), expected, "{caller:?}");
    }
}

#[test]
fn members_and_services_edit_the_policy_but_do_not_lock_themselves_out_or_decide() {
    let mut core = with_members();
    let save = |core: &mut Core<MemoryDb>, caller: &Caller, drop: &str| {
        let newest = core.newest();
        let mut document = serde_json::to_value(&newest.document).expect("json");
        if let Some(access) = document["access"].as_object_mut() {
            access.remove(drop);
        }
        document["budgets"]["tokens_per_day"] = json!(newest.version);
        let put = request(
            Some(&format!("\"v{}\"", newest.version)),
            &json!({"document": document}),
        );
        let operation = (find("PUT", &format!("{PREFIX}/policy"))
            .expect("route")
            .read)(&put);
        run(core, caller, operation.expect("reads"), t0()).map_err(|problem| problem.status)
    };
    let zoe = member("zoe@example.com", &["platform"]);
    let script = service("77aa.access");
    assert_eq!(
        save(&mut core, &zoe, "groups").err(),
        Some(422),
        "her own way in"
    );
    assert_eq!(
        save(&mut core, &script, "services").err(),
        Some(422),
        "its own way in"
    );
    assert_eq!(
        save(&mut core, &service("4f1d.access"), "").err(),
        Some(403)
    );
    save(&mut core, &zoe, "").expect("saved");
    save(&mut core, &script, "groups").expect("saved");
    assert_eq!(core.newest().author, "service:77aa.access");
    assert_eq!(
        core.principal(&zoe, t0()).map_err(|p| p.status).err(),
        Some(403),
        "at once"
    );

    let draft = json!({"kind": "config_key", "target": "/budgets/tokens_per_day", "content": 5,
        "reason": "why"});
    call(
        &mut core,
        "oli@example.com",
        "POST",
        "/proposals",
        &request(None, &draft),
    )
    .expect("made");
    let approve = Operation::DecideProposal {
        id: "p1".to_owned(),
        approve: true,
        note: None,
    };
    let refused = run(&mut core, &script, approve, t0()).map_err(|problem| problem.status);
    assert_eq!(refused.err(), Some(403), "a person decides");
}

#[test]
fn strangers_and_services_may_do_nothing() {
    for caller in [
        person("eve@example.com"),
        Caller::Service {
            name: "ci".to_owned(),
        },
    ] {
        let mut core = with_people();
        let problem = run(&mut core, &caller, Operation::Status, t0()).expect_err("refused");
        assert_eq!(problem.status, 403);
    }
}

#[test]
fn paths_and_methods_that_do_not_exist() {
    let status = |method: &str, path: &str| {
        find(method, &format!("{PREFIX}{path}"))
            .map(|_| 200)
            .unwrap_or_else(|p| p.status)
    };
    assert_eq!(status("GET", "/status"), 200);
    assert_eq!(status("HEAD", "/status"), 200);
    assert_eq!(status("DELETE", "/status"), 405);
    assert_eq!(status("GET", "/sandbox/start"), 405);
    for path in [
        "",
        "/",
        "/statu",
        "/status/",
        "/policy/../status",
        "/STATUS",
    ] {
        assert_eq!(status("GET", path), 404, "{path}");
    }
    let problem = find("POST", &format!("{PREFIX}/policy")).expect_err("refused");
    assert_eq!(problem.detail, "This path takes GET and PUT.");
}

#[test]
fn a_decision_about_a_device_names_one_and_says_why_at_most() {
    let mut core = with_people();
    let mut status = |path: &str, body: &[u8]| {
        let request = ApiRequest {
            content_type: Some("application/json".to_owned()),
            body: body.to_vec(),
            ..ApiRequest::default()
        };
        call(&mut core, "ada@example.com", "POST", path, &request)
            .expect_err("refused")
            .status
    };
    // Nothing runs, so no request waits; reading comes first.
    assert_eq!(status("/devices/r-1/approve", b""), 404);
    assert_eq!(status("/devices/r-1/approve", b"7"), 422);
    assert_eq!(status("/devices/r-1/approve", br#"{"scopes":[]}"#), 422);
    assert_eq!(status("/devices/r-1/revoke", br#"{"note":1}"#), 422);
    assert_eq!(status("/devices/r-1/revoke", b"{"), 400);
    let long = json!({"note": "x".repeat(501)}).to_string();
    assert_eq!(status("/devices/r-1/reject", long.as_bytes()), 422);
    for id in ["%2e%2e", "a b", "a%2Fb", &"x".repeat(129)] {
        assert_eq!(status(&format!("/devices/{id}/revoke"), b""), 404, "{id}");
    }
}

fn put(core: &mut Core<MemoryDb>, if_match: Option<&str>, edit: impl Fn(&mut Value)) -> Outcome {
    let mut document = serde_json::to_value(&core.newest().document).expect("json");
    edit(&mut document);
    let body = json!({"document": document, "note": "why"});
    call(
        core,
        "ada@example.com",
        "PUT",
        "/policy",
        &request(if_match, &body),
    )
}

#[test]
fn a_saved_policy_has_the_next_version_and_its_tag() {
    let mut core = with_people();
    let reply = put(&mut core, Some("\"v2\""), |doc| {
        doc["tools"]["deny"] = json!(["exec"])
    })
    .expect("saved");
    assert_eq!((reply.status, reply.version), (200, Some(3)));
    assert_eq!(reply.body["author"], json!("ada@example.com"));
    let versions = call(
        &mut core,
        "vic@example.com",
        "GET",
        "/policy/versions",
        &ApiRequest::default(),
    );
    let versions = versions.expect("versions").body;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(versions["items"][0]["note"], json!("why"));
}

#[test]
fn of_two_who_save_at_once_one_is_told() {
    let mut core = with_people();
    put(&mut core, Some("\"v2\""), |doc| {
        doc["budgets"]["tokens_per_day"] = json!(5)
    })
    .expect("saved");
    let stale = put(&mut core, Some("\"v2\""), |doc| {
        doc["tools"]["deny"] = json!(["exec"])
    })
    .expect_err("stale");
    assert_eq!((stale.status, stale.current_version), (412, Some(3)));
    assert_eq!(
        core.newest().document.budgets.tokens_per_day,
        Some(5),
        "nothing was overwritten"
    );
    let missing = put(&mut core, None, |_| {}).expect_err("missing");
    assert_eq!(missing.status, 428);
}

#[test]
fn a_bad_policy_is_refused_whole_with_pointers_into_the_request() {
    let mut core = with_people();
    let problem = put(&mut core, Some("\"v2\""), |doc| {
        doc["tools"]["profile"] = json!("everything")
    })
    .expect_err("refused");
    assert_eq!(problem.status, 422);
    assert_eq!(problem.errors[0].pointer, "/document/tools/profile");
    assert_eq!(core.newest().version, 2);
}

#[test]
fn nobody_locks_themselves_out() {
    let mut core = with_people();
    let problem = put(&mut core, Some("\"v2\""), |doc| {
        doc["access"]["operators"] = json!([{"email": "bob@example.com", "role": "admin"}]);
    })
    .expect_err("refused");
    assert_eq!((problem.status, problem.slug()), (422, "invalid"));
}

#[test]
fn bodies_that_are_not_what_an_operation_takes() {
    let mut core = with_people();
    let mut status = |body: &[u8], content_type: &str| {
        let request = ApiRequest {
            if_match: Some("\"v2\"".to_owned()),
            content_type: Some(content_type.to_owned()),
            body: body.to_vec(),
            ..ApiRequest::default()
        };
        call(&mut core, "ada@example.com", "PUT", "/policy", &request)
            .expect_err("refused")
            .status
    };
    assert_eq!(status(b"", "application/json"), 400);
    assert_eq!(status(b"[]", "application/json"), 422);
    assert_eq!(status(b"{}", "text/plain"), 415);
    assert_eq!(
        status(br#"{"document":{},"extra":1}"#, "application/json"),
        422
    );
    assert_eq!(
        status(br#"{"document":{},"document":{}}"#, "application/json"),
        400
    );
    let long = json!({"document": {}, "note": "x".repeat(501)}).to_string();
    assert_eq!(status(long.as_bytes(), "application/json"), 422);
}

#[test]
fn a_difference_is_against_the_newest_version() {
    let mut core = with_people();
    let mut document = serde_json::to_value(&core.newest().document).expect("json");
    document["tools"]["deny"] = json!(["exec"]);
    let body = request(None, &json!({"document": document}));
    let diff = call(&mut core, "vic@example.com", "POST", "/policy/diff", &body)
        .expect("diff")
        .body;
    assert_eq!(diff["base_version"], json!(2));
    assert_eq!(diff["changes"].as_array().map(Vec::len), Some(1));
    let body = request(None, &json!({"document": {"schema": 9}}));
    let reply = call(
        &mut core,
        "vic@example.com",
        "POST",
        "/policy/validate",
        &body,
    )
    .expect("reply");
    assert_eq!(reply.body["valid"], json!(false));
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let mut core = with_people();
    for _ in 0..120 {
        call(
            &mut core,
            "oli@example.com",
            "POST",
            "/sandbox/start",
            &ApiRequest::default(),
        )
        .expect("asked");
    }
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let query = cursor
            .iter()
            .map(|before| ("before".to_owned(), before.clone()))
            .collect();
        let request = ApiRequest {
            query,
            ..ApiRequest::default()
        };
        let page = call(&mut core, "vic@example.com", "GET", "/audit", &request)
            .expect("page")
            .body;
        seen.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| e["seq"].clone()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    let count = seen.len() as u64;
    let expected: Vec<Value> = (1..=count).rev().map(|seq| json!(seq)).collect();
    assert!(count > 120);
    assert_eq!(seen, expected);
}

#[test]
fn outcomes_travel_between_the_parts() {
    let problem: Outcome = Err(Problem::stale_version("v").with_current_version(3));
    let reply: Outcome = Ok(Reply {
        status: 200,
        version: Some(3),
        body: json!({"a": 1}),
        csv: false,
    });
    for outcome in [problem, reply] {
        let text = serde_json::to_string(&outcome).expect("json");
        assert_eq!(
            serde_json::from_str::<Outcome>(&text).expect("read back"),
            outcome
        );
    }
}

fn get(core: &mut Core<MemoryDb>, path: &str, query: &[(&str, &str)]) -> Outcome {
    let query = query
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    call(
        core,
        "vic@example.com",
        "GET",
        path,
        &ApiRequest {
            query,
            ..ApiRequest::default()
        },
    )
}

#[test]
fn the_audit_is_a_chain_that_shows_what_was_done_to_it() {
    let mut core = with_people();
    put(&mut core, Some("\"v2\""), |doc| {
        doc["tools"]["deny"] = json!(["exec"])
    })
    .expect("saved");
    let verdict = get(&mut core, "/audit/verify", &[]).expect("verdict").body;
    assert_eq!(
        (&verdict["intact"], &verdict["entries"]),
        (&json!(true), &json!(3)),
        "{verdict}"
    );
    let page = get(&mut core, "/audit", &[]).expect("page").body;
    assert_eq!(
        page["items"][0]["before_hash"],
        page["items"][1]["after_hash"]
    );
    assert_eq!(page["items"][0]["origin"]["door"], json!("public"));
    let known = format!("2:{}", page["items"][1]["hash"].as_str().expect("hash"));
    assert_eq!(
        get(&mut core, "/audit/verify", &[("known", &known)])
            .expect("ok")
            .body["intact"],
        json!(true)
    );
    for odd in ["", "2", "0:aa", "2:zz", "x:"] {
        assert_eq!(
            get(&mut core, "/audit/verify", &[("known", odd)])
                .expect_err(odd)
                .status,
            400
        );
    }
    let fault = |core: &mut Core<MemoryDb>| {
        get(core, "/audit/verify", &[]).expect("verdict").body["fault"]["kind"].clone()
    };
    let sql = |core: &Core<MemoryDb>, sql: &str| core.db().0.execute_batch(sql).expect(sql);
    sql(
        &core,
        "UPDATE audit SET actor = 'eve@example.com' WHERE seq = 2",
    );
    assert_eq!(fault(&mut core), json!("altered"));
    sql(
        &core,
        "UPDATE audit SET actor = 'ada@example.com' WHERE seq = 2",
    );
    assert_eq!(fault(&mut core), Value::Null);
    sql(&core, "DELETE FROM audit WHERE seq = 3");
    assert_eq!(fault(&mut core), json!("truncated"));
    // What is written afterwards does not cover it up.
    call(
        &mut core,
        "oli@example.com",
        "POST",
        "/sandbox/stop",
        &ApiRequest::default(),
    )
    .expect("asked");
    assert_eq!(fault(&mut core), json!("gap"));
}

#[test]
fn an_export_has_every_entry_once_oldest_first() {
    let mut core = with_people();
    for _ in 0..600 {
        call(
            &mut core,
            "oli@example.com",
            "POST",
            "/sandbox/start",
            &ApiRequest::default(),
        )
        .expect("asked");
    }
    let route = find("GET", &format!("{PREFIX}/audit")).expect("route");
    let jsonl = ApiRequest {
        query: vec![("format".to_owned(), "jsonl".to_owned())],
        ..ApiRequest::default()
    };
    let mut operation = (route.read)(&jsonl).expect("read");
    let mut seen = Vec::new();
    loop {
        let page = run(&mut core, &person("vic@example.com"), operation, t0())
            .expect("page")
            .body;
        seen.extend(
            page["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| e["seq"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        operation = Operation::ExportAudit {
            after: next.parse().expect("seq"),
        };
    }
    let expected: Vec<Value> = (1..=seen.len() as u64).map(|seq| json!(seq)).collect();
    assert!(seen.len() > 600);
    assert_eq!(seen, expected);
    let problem = get(&mut core, "/audit", &[("format", "csv")]).expect_err("refused");
    assert_eq!(problem.status, 400);
    let problem =
        get(&mut core, "/audit", &[("format", "jsonl"), ("before", "5")]).expect_err("refused");
    assert_eq!(problem.status, 400);
    let export = Operation::ExportAudit { after: 0 };
    assert_eq!(
        run(&mut core, &person("una@example.com"), export, t0())
            .expect_err("refused")
            .status,
        403
    );
}

#[test]
fn an_old_version_comes_back_through_everything_an_edit_goes_through() {
    let mut core = with_people();
    put(&mut core, Some("\"v2\""), |doc| {
        doc["tools"]["deny"] = json!(["exec"])
    })
    .expect("saved");
    let restore =
        |core: &mut Core<MemoryDb>, who: &str, version: &str, tag: Option<&str>, body: &str| {
            let request = ApiRequest {
                if_match: tag.map(str::to_owned),
                content_type: Some("application/json".to_owned()),
                body: body.as_bytes().to_vec(),
                ..ApiRequest::default()
            };
            call(
                core,
                who,
                "POST",
                &format!("/policy/versions/{version}/restore"),
                &request,
            )
        };
    let status = |outcome: Outcome| outcome.expect_err("refused").status;
    let (ada, now) = ("ada@example.com", Some("\"v3\""));
    assert_eq!(status(restore(&mut core, ada, "2", None, "")), 428);
    assert_eq!(
        status(restore(&mut core, ada, "2", Some("\"v2\""), "")),
        412
    );
    assert_eq!(
        status(restore(&mut core, "oli@example.com", "2", now, "")),
        403
    );
    for odd in ["0", "9", "x", "-1", "99999999999999999999"] {
        assert_eq!(status(restore(&mut core, ada, odd, now, "")), 404, "{odd}");
    }
    assert_eq!(
        status(restore(&mut core, ada, "2", now, r#"{"document": {}}"#)),
        422
    );
    // Version 1 knows nobody but its first admins, and this one would lock ada out.
    core.db()
        .0
        .execute_batch(
            "UPDATE policies SET document = replace(document, 'ada@', 'eve@') WHERE version = 1",
        )
        .expect("edited");
    assert_eq!(status(restore(&mut core, ada, "1", now, "")), 422);
    core.db()
        .0
        .execute_batch(r#"UPDATE policies SET document = '{"schema": 9}' WHERE version = 1"#)
        .expect("edited");
    assert_eq!(
        status(restore(&mut core, ada, "1", now, "")),
        422,
        "what cannot be saved today"
    );
    assert_eq!(core.newest().version, 3, "nothing was half-applied");
    let old = get(&mut core, "/policy/versions/1", &[]).expect("it can still be read");
    assert_eq!(old.body["document"], json!({"schema": 9}));
    let reply = restore(&mut core, ada, "2", now, r#"{"note": "too strict"}"#).expect("restored");
    assert_eq!(
        (reply.version, &reply.body["note"]),
        (Some(4), &json!("Restores version 2: too strict"))
    );
    let old = get(&mut core, "/policy/versions/2", &[])
        .expect("version")
        .body;
    assert_eq!(reply.body["document"], old["document"]);
    assert_eq!(
        get(&mut core, "/policy/versions/7", &[])
            .expect_err("none")
            .status,
        404
    );
}

#[test]
fn usage_is_sent_as_csv_without_formulas() {
    let mut core = with_people();
    let csv = |path: &str, query: &[(&str, &str)], core: &mut Core<MemoryDb>| {
        let query = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let accept = Some("text/csv, */*;q=0.1".to_owned());
        let request = ApiRequest {
            query,
            accept,
            ..ApiRequest::default()
        };
        call(core, "vic@example.com", "GET", path, &request)
    };
    let reply = csv("/usage", &[("group_by", "agent,day")], &mut core).expect("csv");
    assert!(reply.csv);
    let text = reply.body.as_str().expect("text");
    assert!(text.starts_with("agent,day,calls,input_tokens,"), "{text}");
    let reply = csv("/usage/calls", &[], &mut core).expect("csv");
    assert!(
        reply
            .body
            .as_str()
            .expect("text")
            .starts_with("id,at,agent,")
    );
    let reply = csv("/usage/refusals", &[("from", "2026-11-22")], &mut core).expect("csv");
    assert_eq!(reply.body, "hour,day,agent,reason,calls\r\n");
    let problem = csv("/usage/refusals", &[("to", "soon")], &mut core).expect_err("no day");
    assert_eq!(problem.slug(), "malformed");
    for (name, value) in [
        ("group_by", "agent,agent"),
        ("group_by", "colour"),
        ("from", "yesterday"),
        ("group_by", ""),
    ] {
        let problem = csv("/usage", &[(name, value)], &mut core).expect_err(value);
        assert_eq!(problem.slug(), "malformed", "{value}");
    }
}

#[test]
fn a_proposal_becomes_a_version_when_somebody_else_approves_it_once() {
    let mut core = with_people();
    let post = |core: &mut Core<MemoryDb>, who: &str, path: &str, body: Value| {
        call(
            core,
            &format!("{who}@example.com"),
            "POST",
            path,
            &request(None, &body),
        )
    };
    let draft = |content: Value| {
        json!({
            "kind": "config_key", "target": "/tools/deny", "content": content, "reason": "not needed",
        })
    };
    let made = post(&mut core, "oli", "/proposals", draft(json!(["exec"]))).expect("made");
    assert_eq!((made.status, &made.body["state"]), (201, &json!("pending")));
    let status = |outcome: Outcome| outcome.expect_err("refused").status;
    assert_eq!(
        status(post(&mut core, "oli", "/proposals/p1/approve", json!({}))),
        403,
        "its author"
    );
    assert_eq!(
        status(post(&mut core, "vic", "/proposals/p1/approve", json!({}))),
        403
    );
    assert_eq!(
        status(post(&mut core, "ada", "/proposals/p2/approve", json!({}))),
        404
    );
    assert_eq!(core.newest().version, 2);
    let approved = post(
        &mut core,
        "ada",
        "/proposals/p1/approve",
        json!({"note": "yes"}),
    )
    .expect("approved");
    assert_eq!(
        (&approved.body["state"], &approved.body["policy_version"]),
        (&json!("approved"), &json!(3))
    );
    assert_eq!(approved.body["after_hash"], json!(core.newest().hash));
    assert_eq!(approved.body["health"], json!("unknown"));
    assert_eq!(core.newest().document.tools.deny.len(), 1);
    for action in ["approve", "reject"] {
        assert_eq!(
            status(post(
                &mut core,
                "ada",
                &format!("/proposals/p1/{action}"),
                json!({})
            )),
            409
        );
    }
    post(
        &mut core,
        "ada",
        "/proposals",
        draft(json!(["exec", "web_fetch"])),
    )
    .expect("made");
    assert_eq!(
        post(&mut core, "oli", "/proposals/p2/reject", json!({}))
            .expect("ok")
            .body["state"],
        json!("rejected")
    );
    post(&mut core, "ada", "/proposals", draft(json!([]))).expect("made");
    assert_eq!(
        status(post(&mut core, "oli", "/proposals/p3/approve", json!({}))),
        403,
        "it loosens"
    );
    let skill = json!({"kind": "skill", "target": "skills/x", "content": "text", "reason": "why"});
    assert_eq!(
        post(&mut core, "oli", "/proposals", skill)
            .expect("made")
            .body["state"],
        json!("refused")
    );
    for bad in [
        json!({}),
        json!({"kind": "config_key", "target": "tools", "content": 1, "reason": ""}),
    ] {
        assert_eq!(status(post(&mut core, "oli", "/proposals", bad)), 422);
    }
    let page = get(&mut core, "/proposals", &[]).expect("page").body;
    let ids: Vec<&Value> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| &p["id"])
        .collect();
    assert_eq!(
        ids,
        [&json!("p4"), &json!("p3"), &json!("p2"), &json!("p1")]
    );
    assert_eq!(
        get(&mut core, "/audit/verify", &[]).expect("verdict").body["intact"],
        json!(true)
    );
}

#[test]
fn a_policy_that_breaks_its_own_tests_is_saved_only_with_a_reason() {
    let mut core = with_people();
    let mut document = serde_json::to_value(&core.newest().document).expect("json");
    document["tests"] = json!([{"tool": "exec", "expect": "deny"}]);
    document["tools"] = json!({"profile": "coding"});
    let mut save = |force: Option<&str>| {
        let mut body = json!({"document": document});
        if let Some(force) = force {
            body["force"] = json!(force);
        }
        let version = format!("\"v{}\"", core.newest().version);
        call(
            &mut core,
            "ada@example.com",
            "PUT",
            "/policy",
            &request(Some(&version), &body),
        )
    };
    let problem = save(None).expect_err("refused");
    assert_eq!(
        (
            problem.status,
            problem.errors[0].pointer.starts_with("/document/tests/0")
        ),
        (422, true)
    );
    assert_eq!(save(Some(" ")).expect_err("refused").status, 422);
    assert_eq!(save(Some("a migration")).expect("saved").version, Some(3));
    let audit = get(&mut core, "/audit", &[]).expect("audit").body;
    assert_eq!(audit["items"][1]["action"], json!("policy.forced"));
}

#[test]
fn explanations_and_coverage_are_about_the_newest_version() {
    let mut core = with_people();
    let ask = |core: &mut Core<MemoryDb>, body: Value| {
        call(
            core,
            "vic@example.com",
            "POST",
            "/policy/explain",
            &request(None, &body),
        )
    };
    let reply = ask(&mut core, json!({"questions": [{"tool": "exec"}]}))
        .expect("answers")
        .body;
    assert_eq!(
        (&reply["version"], reply["answers"].as_array().map(Vec::len)),
        (&json!(2), Some(1))
    );
    assert_eq!(
        ask(&mut core, json!({"questions": []}))
            .expect_err("refused")
            .status,
        422
    );
    let bad = json!({"questions": [{"tool": "exec"}], "document": {"schema": 9}});
    assert_eq!(ask(&mut core, bad).expect_err("refused").status, 422);
    let coverage = get(&mut core, "/policy/coverage", &[])
        .expect("coverage")
        .body;
    assert_eq!(coverage["version"], json!(2));
    assert!(
        coverage["clauses"]
            .as_array()
            .is_some_and(|clauses| !clauses.is_empty())
    );
}

#[test]
fn a_decision_about_openclaw_s_version_is_read_strictly_and_names_what_it_saw() {
    let mut core = with_people();
    let seen = call(
        &mut core,
        "vic@example.com",
        "GET",
        "/openclaw",
        &ApiRequest::default(),
    );
    let seen = seen.expect("shown");
    let tag = format!("\"v{}\"", seen.version.expect("a tag"));
    assert_eq!(seen.body["offered"], json!([]));
    let version = json!({"version": "2026.9.5"});
    let long = json!({"version": null, "note": "x".repeat(501)});
    for (if_match, body, slug) in [
        (None, version.clone(), "precondition-required"),
        (Some("v1"), version.clone(), "malformed"),
        (Some("\"v9\""), version.clone(), "stale-version"),
        (Some(tag.as_str()), json!({}), "invalid"),
        (Some(&tag), json!({"version": 5}), "invalid"),
        (
            Some(&tag),
            json!({"version": null, "at_once": true}),
            "invalid",
        ),
        (Some(&tag), long, "invalid"),
        // Nothing has started yet, so nobody knows what the image offers.
        (Some(&tag), version, "conflict"),
    ] {
        let request = request(if_match, &body);
        let path = "/openclaw/version";
        let problem = call(&mut core, "ada@example.com", "POST", path, &request);
        assert_eq!(problem.expect_err("refused").slug(), slug, "{body}");
    }
    let back = |core: &mut Core<MemoryDb>, body: &[u8]| {
        let request = ApiRequest {
            body: body.to_vec(),
            ..request(Some(&tag), &json!({}))
        };
        let answer = call(core, "ada@example.com", "POST", "/openclaw/back", &request);
        answer.expect_err("refused").slug().to_owned()
    };
    assert_eq!(back(&mut core, b""), "conflict");
    assert_eq!(back(&mut core, b"{"), "malformed");
    assert_eq!(back(&mut core, br#"{"version":"2026.9.5"}"#), "invalid");
    let stranger = call(
        &mut core,
        "eve@example.com",
        "GET",
        "/openclaw",
        &ApiRequest::default(),
    );
    assert_eq!(stranger.expect_err("refused").status, 403);
}
