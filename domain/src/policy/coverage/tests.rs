use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Enforcer, clause_of, clauses, coverage};
use crate::policy::samples;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The table of docs/policy.md.
fn documented() -> String {
    let mut text = String::from(
        "| Clause | Meaning | When absent | Compiles to | Enforced by | Shown by |\n|---|---|---|---|---|---|\n",
    );
    for clause in clauses() {
        let enforcer = |enforcer| match enforcer {
            Enforcer::OpenclawConfig => "OpenClaw's configuration",
            Enforcer::GatewayWorker => "gateway Worker",
            Enforcer::TedixInit => "tedix-init",
            Enforcer::DeclaredOnly => "declared only",
        };
        let by = match (clause.enforced_by(), clause.enforcer) {
            (Enforcer::DeclaredOnly, Enforcer::DeclaredOnly) => "declared only".to_owned(),
            (Enforcer::DeclaredOnly, meant) => {
                format!("declared only (meant for: {})", enforcer(meant))
            }
            (shown, _) => enforcer(shown).to_owned(),
        };
        let proof = clause
            .proof
            .map_or("–".to_owned(), |proof| format!("`{proof}`"));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {by} | {proof} |",
            clause.pointer, clause.meaning, clause.default, clause.compiles_to
        );
    }
    text
}

#[test]
fn the_table_is_in_docs_policy_md() {
    let path = repository("docs/policy.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- clauses: begin -->\n", "<!-- clauses: end -->");
    let (head, rest) = document.split_once(begin).expect("the marker");
    let (_, tail) = rest.split_once(end).expect("the marker");
    let right = format!("{head}{begin}{}{end}{tail}", documented());
    if std::env::var_os("TEDIX_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &right).unwrap();
    } else {
        assert_eq!(
            document, right,
            "run with TEDIX_UPDATE_DOCS=1 to write the table"
        );
    }
    let proven = clauses().filter(|clause| clause.proof.is_some()).count();
    let said = format!("{proven} of {} clauses are proven", clauses().count());
    assert!(document.contains(&said), "docs/policy.md must say: {said}");
}

#[test]
fn every_proof_is_a_test_that_exists() {
    let mut text = String::new();
    sources(&repository("tests"), &mut text);
    for clause in clauses() {
        let Some(proof) = clause.proof else { continue };
        assert!(
            text.contains(&format!("\"{proof}\"")),
            "{}: no test {proof}",
            clause.pointer
        );
    }
}

/// The suite of proofs tries a clause off and on by its pointer, so a clause that it
/// is said to show is in there.
#[test]
fn what_the_suite_of_proofs_is_said_to_show_is_in_it() {
    let mut text = String::new();
    sources(&repository("tests/e2e/proof"), &mut text);
    assert!(!text.is_empty(), "there is no suite of proofs");
    for clause in clauses() {
        let tried = text.contains(&format!("\"{}\"", clause.pointer));
        let said = clause
            .proof
            .is_some_and(|proof| proof.starts_with("proof::"));
        assert!(tried || !said, "{}: not tried", clause.pointer);
    }
}

#[test]
fn every_clause_of_a_document_is_in_the_table_and_the_other_way_round() {
    let policy = samples::full();
    let found = coverage(&policy);
    let document = serde_json::to_value(&policy).unwrap();
    let mut leaves = BTreeSet::new();
    collect(&document, String::new(), &mut leaves);
    for pointer in &leaves {
        assert!(clause_of(pointer).is_some(), "{pointer} is in no clause");
    }
    for clause in clauses() {
        assert!(
            found.iter().any(|covered| clause.covers(&covered.pointer))
                || clause.pointer == "/tools/elevated"
                || clause.pointer == "/tools/fs"
                || clause.pointer == "/tools/sandbox"
                || clause.pointer == "/tools/agents/*/allow"
                || clause.pointer == "/tools/agents/*/elevated",
            "{} is in no document",
            clause.pointer
        );
    }
}

fn collect(value: &serde_json::Value, pointer: String, leaves: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                collect(
                    value,
                    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
                    leaves,
                );
            }
        }
        _ => {
            leaves.insert(pointer);
        }
    }
}

#[test]
fn a_clause_without_a_proof_is_declared_only() {
    let covered = coverage(&samples::full());
    let of = |pointer: &str| {
        covered
            .iter()
            .find(|covered| covered.pointer == pointer)
            .unwrap()
    };
    assert_eq!(of("/tools/deny").enforced_by, Enforcer::OpenclawConfig);
    assert_eq!(
        of("/access/approvals/targets").enforced_by,
        Enforcer::DeclaredOnly
    );
    assert_eq!(
        of("/access/approvals/targets").meant_for,
        Enforcer::OpenclawConfig
    );
    assert_eq!(
        of("/budgets/tokens_per_day").enforced_by,
        Enforcer::GatewayWorker
    );
    assert_eq!(
        clause_of("/tools/agents/ops/allow/3").unwrap().pointer,
        "/tools/agents/*/allow"
    );
}
