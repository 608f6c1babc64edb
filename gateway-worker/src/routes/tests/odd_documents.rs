//! A thousand odd documents: each is taken or refused whole, and every version that was
//! taken can be restored, or is refused whole.

use domain::policy::PRESETS;
use serde_json::{Value, json};

use super::{call, request, with_people};
use crate::sandbox::core::Core;
use crate::sandbox::core::tests::{MemoryDb, reopen};
use crate::sandbox::store::audit;

/// Numbers that look random and are the same each time (Steele and Vigna's SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap_or(1)).unwrap_or(0)
    }

    fn odd(&mut self) -> Value {
        let values = [
            Value::Null,
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("deny"),
            json!("full"),
            json!("PT15M"),
            json!("ada@example.com"),
            json!(true),
            json!([]),
            json!(["exec", "*"]),
            json!({"x": {}}),
            json!(7),
        ];
        let at = self.roll(values.len());
        values.into_iter().nth(at).unwrap_or_default()
    }
}

/// Every place in a document, as JSON pointers.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let key = key.replace('~', "~0").replace('/', "~1");
        places(value, &format!("{pointer}/{key}"), found);
    }
}

#[test]
fn a_thousand_odd_documents_are_taken_or_refused_whole_and_so_are_restores() {
    let mut dice = Dice(7);
    let mut core = with_people();
    let seeds: Vec<Value> = PRESETS
        .iter()
        .filter_map(|preset| {
            let me = "ada@example.com".parse().ok()?;
            serde_json::to_value(preset.policy(&[me])?).ok()
        })
        .collect();
    assert!(!seeds.is_empty());
    let entries = |core: &Core<MemoryDb>| {
        audit::head(core.db())
            .expect("head")
            .map_or(0, |head| head.seq)
    };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1_000 {
        let mut document = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..=dice.roll(2) {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            let odd = dice.odd();
            let place = &found[dice.roll(found.len())];
            if let Some(value) = document.pointer_mut(place) {
                *value = odd;
            }
        }
        let before = (core.newest().clone(), entries(&core));
        let version = format!("\"v{}\"", before.0.version);
        let put = request(Some(&version), &json!({ "document": document }));
        match call(&mut core, "ada@example.com", "PUT", "/policy", &put) {
            Ok(_) => {
                taken += 1;
                assert_eq!(core.newest().version, before.0.version + 1);
            }
            Err(problem) => {
                refused += 1;
                assert_eq!(
                    (problem.status, problem.errors.is_empty()),
                    (422, false),
                    "{problem}"
                );
                assert_eq!(
                    (core.newest().clone(), entries(&core)),
                    before,
                    "{document}"
                );
            }
        }
    }
    assert!(
        taken > 50 && refused > 500,
        "{taken} taken, {refused} refused"
    );

    let last = core.newest().version;
    for version in (1..=last).step_by(7) {
        let before = (core.newest().clone(), entries(&core));
        let if_match = format!("\"v{}\"", before.0.version);
        let path = format!("/policy/versions/{version}/restore");
        match call(
            &mut core,
            "ada@example.com",
            "POST",
            &path,
            &request(Some(&if_match), &json!({})),
        ) {
            Ok(reply) => assert_eq!(reply.body["version"], json!(before.0.version + 1)),
            Err(problem) => {
                assert_eq!(problem.status, 422, "{problem}");
                assert_eq!((core.newest().clone(), entries(&core)), before);
            }
        }
    }
    // What was stored can be read again.
    drop(reopen(core));
}
