//! The published JSON Schema (`docs/policy.schema.json`), kept in step with the types.

use std::path::Path;

use serde_json::Value;

use super::{Policy, samples};

#[test]
fn the_published_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Policy)).unwrap() + "\n";
    if std::env::var_os("TEDIX_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        published, schema,
        "run with TEDIX_UPDATE_DOCS=1 to write it"
    );
}

/// People read it as help beside each clause: it has no links of Rust's documentation.
#[test]
fn its_texts_are_for_people() {
    let schema = schemars::schema_for!(Policy).to_value().to_string();
    assert!(!schema.contains("[`") && !schema.contains("::"), "{schema}");
}

#[test]
fn it_knows_every_field_and_refuses_others() {
    let schema = schemars::schema_for!(Policy).to_value();
    let document: Value = serde_json::from_str(samples::FULL).unwrap();
    known(&document, &schema, &schema, "");
}

/// Every key of the document is a property of a closed object, or of a map.
fn known(value: &Value, schema: &Value, root: &Value, at: &str) {
    let schema = resolve(schema, root);
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let below = match schema["properties"].get(key) {
                    Some(below) => {
                        assert_eq!(schema["additionalProperties"], false, "{at} is open");
                        below
                    }
                    None => &schema["additionalProperties"],
                };
                assert!(below.is_object(), "{at}/{key} is in no schema: {schema:#}");
                known(inner, below, root, &format!("{at}/{key}"));
            }
        }
        Value::Array(list) => {
            list.iter()
                .for_each(|inner| known(inner, &schema["items"], root, at));
        }
        _ => {}
    }
}

fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolve(
            root.pointer(reference.trim_start_matches('#')).unwrap(),
            root,
        );
    }
    let options = schema["anyOf"].as_array().or(schema["allOf"].as_array());
    match options.and_then(|options| options.iter().find(|option| option["type"] != "null")) {
        Some(option) => resolve(option, root),
        None => schema,
    }
}
