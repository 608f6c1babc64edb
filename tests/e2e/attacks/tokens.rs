//! Tokens that are not what they say.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use e2e::client::{Answer, Api, Credential};
use e2e::forge::Forge;
use e2e::stack::{COMPANY, PERSONAL, Stack};
use e2e::wait;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::stage::World;

pub(crate) fn trials(world: &World) -> Vec<Trial> {
    vec![
        world.trial("attacks::no_token_at_all", async |stack| {
            for door in doors(stack)? {
                let problem = door.ask(None).await?.problem(401, "unauthenticated")?;
                ensure!(
                    problem.sign_in_url.is_some(),
                    "it does not say where to sign in"
                );
            }
            Ok(())
        }),
        world.trial("attacks::the_algorithm_none", async |stack| {
            let forge = stack.forge()?;
            for algorithm in ["none", "None", "NONE", "nOnE", "", "RS256 "] {
                for keep_signature in [false, true] {
                    refused_everywhere(stack, &forge.unsigned(algorithm, keep_signature)?).await?;
                }
            }
            Ok(())
        }),
        world.trial("attacks::hs256_keyed_with_the_public_key", async |stack| {
            let certs: Value = Api::new(&stack.ready.issuer.url)?
                .get("/cdn-cgi/access/certs")
                .send()
                .await?
                .json(200)?;
            let forge = stack.forge()?;
            let text = |pointer: &str| certs.pointer(pointer).and_then(Value::as_str);
            let id = text("/keys/0/kid").context("a key set without a key")?;
            let modulus = text("/keys/0/n").context("a key without a modulus")?;
            let pem = text("/public_cert/cert").context("no certificate")?;
            let body: String = pem
                .lines()
                .filter(|line| !line.starts_with("---"))
                .collect();
            let keys = [
                modulus.as_bytes().to_vec(),
                BASE64_URL_SAFE_NO_PAD.decode(modulus)?,
                pem.as_bytes().to_vec(),
                pem.trim_end().as_bytes().to_vec(),
                BASE64_STANDARD.decode(body)?,
                certs
                    .pointer("/keys/0")
                    .map(Value::to_string)
                    .unwrap_or_default()
                    .into_bytes(),
                Vec::new(),
            ];
            for key in keys {
                refused_everywhere(stack, &forge.hmac_of_public_key(id, &key)?).await?;
            }
            Ok(())
        }),
        world.trial("attacks::another_audience", async |stack| {
            let forge = stack.forge()?;
            let audience = |name: &str| {
                stack
                    .ready_gateway(name)
                    .map(|gateway| gateway.audience.clone())
            };
            for aud in [
                json!("someone-else"),
                json!([]),
                json!(null),
                json!(""),
                json!("tedix"),
                json!({}),
            ] {
                refused_everywhere(stack, &forge.with_claims(json!({ "aud": aud }))?).await?;
            }
            // One that is right next door is wrong here.
            let registry = stack.ready.registry.audience.clone();
            for (name, aud) in [
                (PERSONAL, audience(COMPANY)?),
                (PERSONAL, registry),
                (COMPANY, audience(PERSONAL)?),
            ] {
                let token = forge.with_claims(json!({ "aud": [aud] }))?;
                let gateway = stack.gateway(name)?.with(Credential::AccessHeader(token));
                gateway
                    .get("status")
                    .send()
                    .await?
                    .problem(401, "unauthenticated")?;
            }
            Ok(())
        }),
        world.trial("attacks::another_issuer", async |stack| {
            let forge = stack.forge()?;
            let own = &stack.ready.issuer.url;
            let near = [
                format!("{own}/"),
                own.to_uppercase(),
                own.replace("http", "https"),
                format!("{own}.evil.example"),
            ];
            for iss in near.into_iter().map(Value::from).chain([
                json!(null),
                json!("https://evil.example"),
                json!([own]),
            ]) {
                refused_everywhere(stack, &forge.with_claims(json!({ "iss": iss }))?).await?;
            }
            Ok(())
        }),
        world.trial("attacks::expired_or_not_valid_yet", async |stack| {
            let forge = stack.forge()?;
            for claims in [
                json!({ "exp": Forge::at(-120) }),
                json!({ "exp": 0 }),
                json!({ "exp": null }),
                json!({ "exp": "9999999999" }),
                json!({ "exp": -1 }),
                json!({ "nbf": Forge::at(600) }),
                json!({ "iat": Forge::at(600) }),
            ] {
                refused_everywhere(stack, &forge.with_claims(claims)?).await?;
            }
            Ok(())
        }),
        world.trial(
            "attacks::an_unknown_key_or_one_that_came_along",
            async |stack| {
                let forge = stack.forge()?;
                for header in [
                    json!({ "kid": "unknown" }),
                    json!({ "kid": null }),
                    json!({ "kid": "" }),
                    json!({ "kid": "' OR '1'='1" }),
                    json!({ "kid": "../../../../dev/null" }),
                    json!({ "kid": 1 }),
                    json!({ "crit": ["exp"] }),
                    json!({ "alg": "RS384" }),
                    json!({ "alg": "PS256" }),
                ] {
                    refused_everywhere(stack, &forge.with_header(header)?).await?;
                }
                let stranger = forge.stranger()?;
                let genuine_id = forge.key_id()?;
                let own_jwk = stranger.jwk()?;
                for header in [
                    json!({}),
                    json!({ "kid": genuine_id }),
                    json!({ "jwk": own_jwk }),
                    json!({ "kid": genuine_id, "jwk": own_jwk }),
                    json!({ "jku": "http://localhost:9/certs" }),
                    json!({ "x5u": "http://localhost:9/certs" }),
                ] {
                    refused_everywhere(stack, &stranger.with_header(header)?).await?;
                }
                Ok(())
            },
        ),
        world.trial("attacks::mangled_tokens", async |stack| {
            let genuine = &stack.operator_token();
            let parts: Vec<&str> = genuine.split('.').collect();
            let [header, claims, signature] = parts.as_slice() else {
                anyhow::bail!("{genuine}")
            };
            let other = stack.forge()?.genuine("somebody@localhost.test")?;
            let other_signature = other.rsplit('.').next().unwrap_or_default();
            let mut flipped = (*signature).to_owned();
            let first = if flipped.starts_with('A') { "B" } else { "A" };
            flipped.replace_range(0..1, first);
            for token in [
                format!("{header}.{claims}."),
                format!("{header}.{claims}"),
                format!("{header}.{claims}.{signature}.{signature}"),
                format!("{header}.{claims}.{other_signature}"),
                format!("{header}.{claims}.{flipped}"),
                format!(
                    "{header}.{claims}.{}",
                    signature.get(..64).unwrap_or_default()
                ),
                format!("{header}..{signature}"),
                format!("{claims}.{header}.{signature}"),
                "a.b.c".to_owned(),
                "...".to_owned(),
                "null".to_owned(),
                "e30.e30.".to_owned(),
                format!("{header}.{}.{signature}", "A".repeat(20_000)),
            ] {
                refused_everywhere(stack, &token).await?;
            }
            Ok(())
        }),
        world.trial("attacks::a_token_in_the_wrong_place", async |stack| {
            let token = &stack.operator_token();
            for door in doors(stack)? {
                let api = door.api.anonymous();
                for parameter in [
                    "CF_Authorization",
                    "access_token",
                    "token",
                    "cf-access-jwt-assertion",
                ] {
                    let path = format!("{}?{parameter}={token}", door.path);
                    api.get(&path)
                        .send()
                        .await?
                        .problem(401, "unauthenticated")?;
                }
                for (name, value) in [
                    ("authorization", format!("Basic {token}")),
                    ("authorization", token.to_owned()),
                    ("authorization", format!("Bearer {token}, Bearer {token}")),
                    ("authorization", format!("Bearer {token} {token}")),
                    ("cookie", format!("cf_authorization={token}")),
                    (
                        "cookie",
                        format!("CF_Authorization=x; CF_Authorization={token}"),
                    ),
                    (
                        "cookie",
                        format!("CF_Authorization={token}; CF_Authorization=x"),
                    ),
                    ("cf-access-token", token.to_owned()),
                    ("x-cf-access-jwt-assertion", token.to_owned()),
                ] {
                    let answer = api.get(door.path).header(name, &value).send().await?;
                    answer
                        .problem(401, "unauthenticated")
                        .with_context(|| name.to_owned())?;
                }
            }
            Ok(())
        }),
        world.trial(
            "attacks::a_doubled_header_or_a_bad_one_before_a_good_one",
            async |stack| {
                let token = &stack.operator_token();
                for door in doors(stack)? {
                    let api = door.api.anonymous();
                    let bad_first = api.get(door.path).header("authorization", "Bearer x.y.z");
                    let bad_first = bad_first
                        .header("cf-access-jwt-assertion", token)
                        .send()
                        .await?;
                    bad_first.problem(401, "unauthenticated")?;
                    let twice = api
                        .get(door.path)
                        .header("cf-access-jwt-assertion", "x.y.z");
                    let twice = twice
                        .header("cf-access-jwt-assertion", token)
                        .send()
                        .await?;
                    twice.problem(401, "unauthenticated")?;
                    let twice = api
                        .get(door.path)
                        .header("authorization", &format!("Bearer {token}"));
                    let twice = twice
                        .header("authorization", &format!("Bearer {token}"))
                        .send()
                        .await?;
                    twice.problem(401, "unauthenticated")?;
                }
                Ok(())
            },
        ),
        world.trial("attacks::a_stranger_whom_access_knows", async |stack| {
            let token = stack.forge()?.genuine("stranger@localhost.test")?;
            for door in doors(stack)? {
                door.ask(Some(&token)).await?.problem(403, "forbidden")?;
            }
            let personal = stack
                .gateway(PERSONAL)?
                .with(Credential::AccessHeader(token));
            personal
                .chat("/say hello")
                .send()
                .await?
                .problem(403, "forbidden")?;
            Ok(())
        }),
        world.trial("attacks::look_alike_addresses", async |stack| {
            let forge = stack.forge()?;
            let operator = &stack.ready.operator;
            for email in [
                json!(format!("{operator} ")),
                json!(format!(" {operator}")),
                json!(format!("{operator}\u{0}")),
                json!(format!("{operator},evil@example.com")),
                json!(format!("{operator}@evil.example")),
                json!(operator.replacen('o', "\u{43e}", 1)),
                json!([operator]),
                json!({ "email": operator }),
            ] {
                let token = forge.with_claims(json!({ "email": email, "sub": "x" }))?;
                for door in doors(stack)? {
                    let answer = door.ask(Some(&token)).await?;
                    ensure!(
                        [401, 403].contains(&answer.status),
                        "{email}: {}",
                        answer.status
                    );
                }
            }
            // Case is no difference: addresses are compared in lower case.
            let token = forge.with_claims(json!({ "email": operator.to_uppercase() }))?;
            for door in doors(stack)? {
                door.ask(Some(&token)).await?.expect(200)?;
            }
            Ok(())
        }),
        world.trial(
            "attacks::a_service_token_where_a_person_is_needed",
            async |stack| {
                let operator = &stack.ready.operator;
                for claims in [
                    json!({ "email": null, "sub": "", "common_name": "ci.access" }),
                    json!({ "email": "", "sub": "", "common_name": operator }),
                    json!({ "email": null, "sub": null, "common_name": operator }),
                ] {
                    let token = stack.forge()?.with_claims(claims.clone())?;
                    for door in doors(stack)? {
                        let answer = door.ask(Some(&token)).await?;
                        ensure!(
                            [401, 403].contains(&answer.status),
                            "{claims}: {}",
                            answer.status
                        );
                    }
                }
                Ok(())
            },
        ),
        // The next two change the issuer's keys, so they come last.
        world.trial(
            "attacks::the_key_before_the_last_rotation_is_good_and_the_one_before_is_not",
            async |stack| {
                let outcome = rotate_twice(stack).await;
                stack.sign_in_again()?;
                outcome
            },
        ),
    ]
}

async fn rotate_twice(stack: &Stack) -> anyhow::Result<()> {
    let forge = stack.forge()?;
    let oldest = forge.genuine(&stack.ready.operator)?;
    forge.rotate()?;
    accepted_in_time(stack, &forge.genuine(&stack.ready.operator)?).await?;
    accepted_in_time(stack, &oldest).await?;
    forge.rotate()?;
    // A token with the newest key makes the Workers fetch the set again, in
    // which the oldest key no longer is.
    accepted_in_time(stack, &forge.genuine(&stack.ready.operator)?).await?;
    accepted_in_time(stack, &forge.with_previous_key()?).await?;
    refused_everywhere(stack, &oldest).await
}

/// A place that asks who is there.
struct Door {
    api: Api,
    path: &'static str,
}

impl Door {
    async fn ask(&self, token: Option<&str>) -> anyhow::Result<Answer> {
        let api = match token {
            Some(token) => self.api.with(Credential::AccessHeader(token.to_owned())),
            None => self.api.anonymous(),
        };
        api.get(self.path).send().await
    }
}

fn doors(stack: &Stack) -> anyhow::Result<[Door; 2]> {
    Ok([
        Door {
            api: stack.registry()?.door,
            path: "/api/v1/me",
        },
        Door {
            api: stack.gateway(PERSONAL)?.door,
            path: "/_gateway/v1/status",
        },
    ])
}

/// Refused by the registry and by a gateway, in each of the ways that a token can come.
async fn refused_everywhere(stack: &Stack, token: &str) -> anyhow::Result<()> {
    for door in doors(stack)? {
        for credential in [
            Credential::AccessHeader(token.to_owned()),
            Credential::AccessCookie(token.to_owned()),
            Credential::Bearer(token.to_owned()),
        ] {
            let shown: String = token.chars().take(80).collect();
            let answer = door.api.with(credential).get(door.path).send().await?;
            answer
                .problem(401, "unauthenticated")
                .with_context(|| format!("with {shown}…"))?;
        }
    }
    Ok(())
}

/// Accepted, once the Workers have fetched the keys again: they do so at most
/// every 30 s, however many unknown keys come.
async fn accepted_in_time(stack: &Stack, token: &str) -> anyhow::Result<()> {
    for door in doors(stack)? {
        wait::until("the new key to be fetched", wait::APPLY, async || {
            Ok((door.ask(Some(token)).await?.status == 200).then_some(()))
        })
        .await?;
    }
    Ok(())
}
