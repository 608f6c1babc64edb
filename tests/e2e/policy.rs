//! The policy: how it is read, edited, compared and refused.

use anyhow::ensure;
use domain::access::Role;
use domain::policy::OperatorEntry;
use domain::wire::gateway::{PolicyDiff, Validation};
use e2e::client::{Answer, Credential, Gateway};
use e2e::stack::COMPANY;
use futures_util::future::join_all;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial(
            "policy::a_write_without_a_version_is_refused",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let envelope = company.policy().await?;
                let body = json!({ "document": envelope.document });
                company
                    .put("policy")
                    .json(&body)
                    .send()
                    .await?
                    .problem(428, "precondition-required")?;
                for odd in ["*", "v1", "\"v1\", \"v2\"", "W/\"v1\"", "\"\"", "\"1\""] {
                    let answer = company
                        .put("policy")
                        .header("if-match", odd)
                        .json(&body)
                        .send()
                        .await?;
                    ensure!(
                        [400, 412, 428].contains(&answer.status),
                        "{odd}: {}",
                        answer.status
                    );
                }
                unchanged(&company, envelope.version).await
            },
        ),
        world.trial(
            "policy::a_stale_write_is_refused_and_says_what_is_in_force",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let envelope = company.policy().await?;
                let document = serde_json::to_value(&envelope.document)?;
                let answer = company.put_policy(envelope.version + 1, document).await?;
                let problem = answer.problem(412, "stale-version")?;
                ensure!(
                    problem.current_version == Some(envelope.version),
                    "{problem:?}"
                );
                unchanged(&company, envelope.version).await
            },
        ),
        world.trial("policy::of_many_writers_at_once_one_wins", async |stack| {
            let company = stack.gateway(COMPANY)?;
            let envelope = company.policy().await?;
            let writes = (0..100u64).map(|writer| {
                let mut document = envelope.document.clone();
                document.budgets.tokens_per_day = Some(1_000_000 + writer);
                let company = &company;
                async move {
                    let document = serde_json::to_value(document)?;
                    company.put_policy(envelope.version, document).await
                }
            });
            let answers: Vec<Answer> = join_all(writes)
                .await
                .into_iter()
                .collect::<anyhow::Result<_>>()?;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            let stale = answers.iter().filter(|answer| answer.status == 412).count();
            ensure!((won, stale) == (1, 99), "{won} won and {stale} were stale");
            unchanged(&company, envelope.version + 1).await?;
            company
                .edit_policy(|policy| *policy = envelope.document.clone())
                .await?;
            Ok(())
        }),
        world.trial(
            "policy::every_fault_is_refused_with_a_pointer",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let envelope = company.policy().await?;
                let good = serde_json::to_value(&envelope.document)?;
                for (pointer, value) in faults() {
                    let mut document = good.clone();
                    set(&mut document, pointer, value.clone());
                    let answer = company
                        .put_policy(envelope.version, document.clone())
                        .await?;
                    let problem = answer.problem(422, "invalid")?;
                    ensure!(
                        problem
                            .errors
                            .iter()
                            .any(|error| error.pointer.contains(pointer)
                                || pointer.starts_with(&error.pointer)),
                        "{pointer} = {value}: {:?}",
                        problem.errors
                    );
                    let check = company
                        .post("policy/validate")
                        .json(&json!({ "document": document }));
                    let validation: Validation = check.send().await?.json(200)?;
                    ensure!(
                        !validation.valid && !validation.errors.is_empty(),
                        "{pointer}: {validation:?}"
                    );
                }
                unchanged(&company, envelope.version).await
            },
        ),
        world.trial("policy::a_key_named_twice_is_refused", async |stack| {
            let company = stack.gateway(COMPANY)?;
            let envelope = company.policy().await?;
            let text = serde_json::to_string(&envelope.document)?;
            let twice = text.replacen(
                "\"tools\":",
                "\"tools\":{\"profile\":\"full\"},\"tools\":",
                1,
            );
            ensure!(twice != text, "the document has no tools to double");
            for body in [
                format!("{{\"document\":{twice}}}"),
                format!("{{\"document\":{text},\"document\":{text}}}"),
            ] {
                let call = company
                    .put("policy")
                    .header("if-match", &format!("\"v{}\"", envelope.version));
                let answer = call.body("application/json", body).send().await?;
                ensure!(
                    [400, 422].contains(&answer.status),
                    "{}: {}",
                    answer.status,
                    answer.excerpt()
                );
            }
            unchanged(&company, envelope.version).await
        }),
        world.trial(
            "policy::a_diff_says_what_would_change_and_changes_nothing",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let envelope = company.policy().await?;
                let mut document = envelope.document.clone();
                document
                    .tools
                    .deny
                    .push("web_fetch".parse().map_err(anyhow::Error::msg)?);
                let call = company
                    .post("policy/diff")
                    .json(&json!({ "document": document }));
                let diff: PolicyDiff = call.send().await?.json(200)?;
                ensure!(diff.base_version == envelope.version);
                let [change] = diff.changes.as_slice() else {
                    anyhow::bail!("{:?}", diff.changes)
                };
                ensure!(change.after.as_deref() == Some("web_fetch"), "{change:?}");
                unchanged(&company, envelope.version).await
            },
        ),
        world.trial(
            "policy::each_role_may_do_what_it_may_and_no_more",
            async |stack| {
                let company = stack.gateway(COMPANY)?;
                let before = company.policy().await?.document;
                let people = [Role::User, Role::Viewer, Role::Operator];
                let envelope = company
                    .edit_policy(|policy| {
                        for role in people {
                            let Ok(email) = address(role.as_str()).parse() else {
                                continue;
                            };
                            let named = policy.role_of(&email).is_some();
                            match role {
                                _ if named => {}
                                Role::User => policy.access.users.push(email),
                                role => policy.access.operators.push(OperatorEntry { email, role }),
                            }
                        }
                    })
                    .await?;
                let outcome = matrix(stack, &company, envelope.version).await;
                company.edit_policy(|policy| *policy = before).await?;
                outcome
            },
        ),
    ]
}

/// What each role is answered; a stranger stands for somebody Access knows and the policy does not.
async fn matrix(stack: &e2e::stack::Stack, company: &Gateway, version: u64) -> anyhow::Result<()> {
    let forge = stack.forge()?;
    let document = serde_json::to_value(company.policy().await?.document)?;
    //                 status policy put  validate audit usage restart
    let expected = [
        ("stranger", [403, 403, 403, 403, 403, 403, 403]),
        ("user", [403, 403, 403, 403, 403, 403, 403]),
        ("viewer", [200, 200, 403, 200, 200, 200, 403]),
        ("operator", [200, 200, 403, 200, 200, 200, 0]),
    ];
    for (who, statuses) in expected {
        let email = address(who);
        let gateway = company.with(Credential::AccessHeader(forge.genuine(&email)?));
        let answers = [
            gateway.get("status").send().await?,
            gateway.get("policy").send().await?,
            gateway.put_policy(version + 1, document.clone()).await?,
            gateway
                .post("policy/validate")
                .json(&json!({ "document": document }))
                .send()
                .await?,
            gateway.get("audit").send().await?,
            gateway.get("usage").send().await?,
        ];
        for (answer, status) in answers.into_iter().zip(statuses) {
            match status {
                403 => drop(answer.problem(403, "forbidden")?),
                status => drop(answer.expect(status)?),
            }
        }
        if statuses[6] == 403 {
            gateway
                .post("sandbox/restart")
                .send()
                .await?
                .problem(403, "forbidden")?;
        }
    }
    Ok(())
}

/// Somebody of a role; the stack's own operator is an admin.
fn address(role: &str) -> String {
    format!("the-{role}@localhost.test")
}

fn faults() -> Vec<(&'static str, Value)> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        ("/unknown", json!(true)),
        ("/tools/unknown", json!(true)),
        ("/schema", json!(2)),
        ("/schema", json!("1")),
        ("/tools/profile", json!("Coding")),
        ("/tools/profile", json!("everything")),
        ("/tools/deny", json!("exec")),
        ("/tools/deny/0", json!("")),
        ("/tools/deny/0", json!(7)),
        // Cyrillic ha, full-width e, a zero-width joiner, a soft hyphen: not `exec`.
        ("/tools/deny/0", json!("e\u{445}ec")),
        ("/tools/deny/0", json!("\u{ff45}xec")),
        ("/tools/deny/0", json!("exec\u{200d}")),
        ("/tools/deny/0", json!("ex\u{ad}ec")),
        ("/tools/deny/0", json!("exec\n")),
        ("/tools/deny/0", json!("group:everything")),
        ("/tools/deny", json!(["exec", "EXEC"])),
        ("/tools/deny", deep),
        ("/budgets/tokens_per_day", json!(0)),
        ("/budgets/tokens_per_day", json!(-1)),
        ("/budgets/tokens_per_day", json!(1.5)),
        ("/budgets/tokens_per_day", json!("1")),
        ("/budgets/tokens_per_day", json!(1e300)),
        ("/access/operators", json!([])),
        ("/access/operators/0/role", json!("user")),
        ("/access/operators/0/role", json!("root")),
        ("/access/operators/0/email", json!("nobody")),
        ("/access/operators/0/email", json!("<b>@example.com")),
        ("/access/users", json!(["a@example.com", "A@example.com"])),
        ("/access", json!(null)),
    ]
}

/// Puts a value at a pointer, making the field or the first list entry if need be.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.insert(name.to_owned(), value)),
        Some(Value::Array(list)) if list.is_empty() => list.push(value),
        Some(Value::Array(list)) => list[0] = value,
        _ => {}
    }
}

async fn unchanged(gateway: &Gateway, version: u64) -> anyhow::Result<()> {
    let now = gateway.policy().await?.version;
    ensure!(
        now == version,
        "version {now} was saved where {version} should still be the newest"
    );
    Ok(())
}
