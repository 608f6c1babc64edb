use serde_json::json;

use super::*;

const EXPECT: Expectation<'static> = Expectation {
    issuer: "https://team.example",
    audience: "aud-1",
    now: 1_000_000,
};

fn claims() -> Value {
    json!({
        "iss": "https://team.example", "aud": ["aud-0", "aud-1"], "email": "Ada@Example.com",
        "exp": 1_000_300, "iat": 999_990, "nbf": 999_990, "sub": "7335d417"
    })
}

fn compact(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(claims),
        BASE64_URL_SAFE_NO_PAD.encode("signature")
    )
}

fn judged(change: impl FnOnce(&mut Value)) -> Result<Identity, TokenError> {
    let mut claims = claims();
    change(&mut claims);
    let token = compact(&json!({"alg": "RS256", "kid": "k"}), &claims);
    Unverified::parse(&token)?.judge(&EXPECT)
}

#[test]
fn a_person_is_named_in_lower_case() {
    assert_eq!(
        judged(|_| ()),
        Ok(Identity::Person("ada@example.com".to_owned()))
    );
}

#[test]
fn groups_are_read_from_both_claims_and_odd_ones_are_none() {
    let groups = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        let token = compact(&json!({"alg": "RS256", "kid": "k"}), &claims);
        let token = Unverified::parse(&token).unwrap();
        assert!(token.judge(&EXPECT).is_ok(), "whatever the groups");
        token.groups()
    };
    assert_eq!(groups(&|_| ()), Vec::<String>::new());
    let both = groups(&|c| {
        c["groups"] = json!([
            "platform",
            "staff",
            "platform",
            7,
            null,
            "",
            "x".repeat(200)
        ]);
        c["custom"] = json!({"groups": [{"id": "1f", "name": "Ops"}, "staff"], "team": "x"});
    });
    assert_eq!(both, ["1f", "Ops", "platform", "staff"]);
    for odd in [json!("platform"), json!({"platform": true}), json!(null)] {
        assert_eq!(
            groups(&|c| c["groups"] = odd.clone()),
            Vec::<String>::new(),
            "{odd}"
        );
        assert_eq!(
            groups(&|c| c["custom"] = odd.clone()),
            Vec::<String>::new(),
            "{odd}"
        );
    }
    let service = groups(&|c| {
        c["email"] = "".into();
        c["common_name"] = "abc.access".into();
        c["groups"] = json!(["platform"]);
    });
    assert_eq!(
        service,
        Vec::<String>::new(),
        "a service token is in no group"
    );
}

#[test]
fn a_service_token_is_not_a_person() {
    let service = judged(|c| {
        c["email"] = "".into();
        c["common_name"] = "abc.access".into();
    });
    assert_eq!(service, Ok(Identity::Service("abc.access".to_owned())));
}

#[test]
fn claims_that_are_not_as_expected_are_refused() {
    type Case = (TokenError, fn(&mut Value));
    let cases: &[Case] = &[
        (TokenError::Issuer, |c| {
            c["iss"] = "https://evil.example".into()
        }),
        (TokenError::Issuer, |c| {
            drop(c.as_object_mut().and_then(|o| o.remove("iss")))
        }),
        (TokenError::Audience, |c| c["aud"] = json!(["aud-2"])),
        (TokenError::Audience, |c| c["aud"] = json!("aud-10")),
        (TokenError::Audience, |c| {
            drop(c.as_object_mut().and_then(|o| o.remove("aud")))
        }),
        (TokenError::Expired, |c| c["exp"] = json!(999_970)),
        (TokenError::Expired, |c| {
            drop(c.as_object_mut().and_then(|o| o.remove("exp")))
        }),
        (TokenError::NotYetValid, |c| c["nbf"] = json!(1_000_031)),
        (TokenError::NotYetValid, |c| c["iat"] = json!(2_000_000)),
        (TokenError::Subject, |c| c["email"] = json!(" ")),
    ];
    for (expected, change) in cases {
        assert_eq!(judged(change), Err(*expected));
    }
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    assert!(judged(|c| c["exp"] = json!(999_971)).is_ok());
    assert!(judged(|c| c["nbf"] = json!(1_000_030)).is_ok());
}

#[test]
fn times_at_the_edge_of_the_number_range_do_not_overflow() {
    assert!(judged(|c| c["exp"] = json!(i64::MAX)).is_ok());
    assert_eq!(
        judged(|c| c["exp"] = json!(i64::MIN)),
        Err(TokenError::Expired)
    );
}

#[test]
fn texts_that_are_no_token_are_refused() {
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "e30.e30.!",
        "e30.e30.",
        long.as_str(),
    ] {
        assert_eq!(
            Unverified::parse(bad).err(),
            Some(TokenError::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn critical_extensions_are_refused() {
    let token = compact(
        &json!({"alg": "RS256", "kid": "k", "crit": ["b64"]}),
        &claims(),
    );
    assert_eq!(Unverified::parse(&token).err(), Some(TokenError::Algorithm));
}
