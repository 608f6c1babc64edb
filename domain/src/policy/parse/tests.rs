use super::*;

fn minimal() -> Value {
    serde_json::json!({
        "schema": 1,
        "access": {"operators": [{"email": "Ada@Example.com", "role": "admin"}]}
    })
}

fn pointers(value: Value) -> Vec<String> {
    let faults = parse_value(value).expect_err("must be refused");
    faults.into_iter().map(|fault| fault.pointer).collect()
}

#[test]
fn policy_json_format_unchanged() {
    let policy = parse_value(minimal()).expect("valid");
    insta::assert_json_snapshot!(policy, @r#"
    {
      "schema": 1,
      "access": {
        "operators": [
          {
            "email": "ada@example.com",
            "role": "admin"
          }
        ],
        "users": []
      },
      "tools": {
        "profile": "messaging",
        "allow": [],
        "deny": []
      },
      "budgets": {}
    }
    "#);
}

#[test]
fn every_fault_is_named_at_once() {
    let mut value = minimal();
    value["schema"] = 2.into();
    value["access"]["operators"] = serde_json::json!([{"email": "a@b.c", "role": "user"}]);
    value["access"]["users"] = serde_json::json!(["a@b.c"]);
    value["tools"] = serde_json::json!({"deny": ["exec", "EXEC"]});
    value["budgets"] = serde_json::json!({"tokens_per_day": 0});
    let expected = [
        "/schema",
        "/access/operators/0/role",
        "/access/operators",
        "/access/users/0",
        "/tools/deny/1",
        "/budgets/tokens_per_day",
    ];
    assert_eq!(pointers(value), expected);
}

#[test]
fn fields_of_another_shape_are_pointed_at() {
    for (patch, pointer) in [
        (
            serde_json::json!({"tools": {"profile": "root"}}),
            "/tools/profile",
        ),
        (
            serde_json::json!({"tools": {"deny": ["a b"]}}),
            "/tools/deny/0",
        ),
        (
            serde_json::json!({"tools": {"deny": "exec"}}),
            "/tools/deny",
        ),
        (serde_json::json!({"tools": {"dney": []}}), "/tools/dney"),
        (
            serde_json::json!({"budgets": {"tokens_per_day": -1}}),
            "/budgets/tokens_per_day",
        ),
        (
            serde_json::json!({"budgets": {"tokens_per_day": 1.5}}),
            "/budgets/tokens_per_day",
        ),
        (serde_json::json!({"colour": "red"}), "/colour"),
    ] {
        let mut value = minimal();
        for (key, inner) in patch.as_object().expect("object") {
            value[key] = inner.clone();
        }
        assert_eq!(pointers(value), [pointer], "{patch}");
    }
}

#[test]
fn a_key_named_twice_is_refused() {
    let text = r#"{"schema":1,"access":{"operators":[{"email":"a@b.c","role":"admin"}]},
        "tools":{"deny":["exec"],"deny":[]}}"#;
    let faults = parse(text).expect_err("must be refused");
    assert!(
        faults[0].detail.contains("\"deny\" is named twice"),
        "{faults:?}"
    );
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(parse(&deep).is_err());
    let large = format!("{{\"schema\":1,\"x\":\"{}\"}}", "x".repeat(MAX_BYTES));
    assert!(
        parse(&large).expect_err("refused")[0]
            .detail
            .contains("larger than")
    );
}

#[test]
fn what_was_written_reads_back() {
    let admins = ["a@example.com".parse().expect("address")];
    let policy = Policy::bootstrap(&admins);
    let text = serde_json::to_string(&policy).expect("json");
    assert_eq!(parse(&text).expect("valid"), policy);
}
