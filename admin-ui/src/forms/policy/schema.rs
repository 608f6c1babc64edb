//! What the published schema says about a clause.

use std::sync::OnceLock;

use serde_json::Value;

/// The schema as it is published.
const SCHEMA: &str = include_str!("../../../../docs/policy.schema.json");

/// What a clause means, and what can stand in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// What it means.
    pub(crate) text: String,
    /// What its value is, in a few words.
    pub(crate) kind: &'static str,
    /// Clauses in it, or words that it can be, each with what it means.
    pub(crate) inside: Vec<(String, String)>,
}

fn root() -> &'static Value {
    static ROOT: OnceLock<Value> = OnceLock::new();
    // INVARIANT: it is the repository's own file; a test reads it.
    ROOT.get_or_init(|| serde_json::from_str(SCHEMA).unwrap_or_default())
}

/// About the clause of a pointer; none when the schema knows no such clause.
pub(crate) fn about(pointer: &str) -> Option<About> {
    let root = root();
    let mut text = describe(root);
    let mut at = resolve(root);
    for part in pointer.split('/').skip(1) {
        let below = below(at, part)?;
        let own = describe(below);
        at = resolve(below);
        text = if own.is_empty() { describe(at) } else { own };
    }
    let fields = at.get("properties").and_then(Value::as_object);
    let field = |(name, schema): (&String, &Value)| (name.clone(), describe(schema));
    let mut inside = words(at);
    inside.extend(fields.into_iter().flatten().map(field));
    Some(About {
        text,
        kind: kind(at),
        inside,
    })
}

/// The schema of an entry of an object or a list.
fn below<'a>(schema: &'a Value, part: &str) -> Option<&'a Value> {
    let field = schema.get("properties").and_then(|fields| fields.get(part));
    let any = || {
        schema
            .get("additionalProperties")
            .filter(|any| any.is_object())
    };
    let item = || schema.get("items");
    field.or_else(any).or_else(item)
}

/// What a schema is by itself, behind references and choices with null.
fn resolve(schema: &'static Value) -> &'static Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let found = root().pointer(target.trim_start_matches('#'));
        return found.map_or(schema, resolve);
    }
    let options = schema.get("anyOf").or_else(|| schema.get("allOf"));
    let some = options.and_then(Value::as_array).and_then(|options| {
        let null = |option: &&Value| option.get("type").and_then(Value::as_str) != Some("null");
        options.iter().find(null)
    });
    some.map_or(schema, resolve)
}

/// A description without the marks of the code that it comes from.
fn describe(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str);
    let plain = text.unwrap_or_default().replace("[`", "").replace("`]", "");
    plain.replace('`', "").replace('\n', " ")
}

/// The words that a value can be, each with what it means.
fn words(schema: &Value) -> Vec<(String, String)> {
    let options = schema.get("oneOf").and_then(Value::as_array);
    let one = |option: &Value| {
        let word = option.get("const")?.as_str()?;
        Some((word.to_owned(), describe(option)))
    };
    options.map_or_else(Vec::new, |options| options.iter().filter_map(one).collect())
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> &'static str {
    let name = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().find(|name| *name != "null"),
        other => other,
    };
    match name.and_then(Value::as_str) {
        Some("integer") => "A whole number.",
        Some("boolean") => "True or false.",
        Some("string") => "A text.",
        Some("array") => "A list.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::about;
    use domain::policy::coverage::clauses;

    #[test]
    fn every_clause_of_the_model_has_its_words() {
        for clause in clauses() {
            let about = about(&clause.pointer.replace('*', "0"));
            let about = about.unwrap_or_else(|| panic!("{} is in no schema", clause.pointer));
            assert!(!about.text.is_empty(), "{}", clause.pointer);
            assert!(!about.text.contains('`'), "{}", about.text);
        }
    }

    #[test]
    fn a_clause_says_what_can_stand_in_it() {
        let whole = about("").expect("the document");
        assert!(
            whole
                .inside
                .iter()
                .any(|(name, text)| name == "tools" && !text.is_empty())
        );
        let mode = about("/tools/exec/mode").expect("a clause");
        let words: Vec<_> = mode.inside.iter().map(|(word, _)| word.as_str()).collect();
        assert!(
            words.contains(&"deny") && words.contains(&"ask"),
            "{words:?}"
        );
        let tokens = about("/budgets/tokens_per_day").expect("a clause");
        assert_eq!(tokens.kind, "A whole number.");
        assert!(about("/tools/agents/ops").is_some_and(|a| !a.inside.is_empty()));
        assert_eq!(about("/tools/nonsense"), None);
    }
}
