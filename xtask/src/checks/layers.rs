//! Dependencies point one way: what each crate must not name in its manifest.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::tools::{self, Tools};

/// What does I/O, reads a clock or draws random numbers, and the frameworks.
const IMPURE: [&str; 14] = [
    "axum",
    "edge",
    "getrandom",
    "gloo-net",
    "hyper",
    "js-sys",
    "leptos",
    "rand",
    "reqwest",
    "rustix",
    "tokio",
    "ureq",
    "web-sys",
    "worker",
];

/// Each crate, and what it must not depend on.
const LAYERS: [(&str, &[&str]); 6] = [
    ("domain", &IMPURE),
    (
        "edge",
        &[
            "admin-ui",
            "gateway-worker",
            "leptos",
            "registry-worker",
            "tokio",
        ],
    ),
    (
        "registry-worker",
        &["admin-ui", "gateway-worker", "leptos", "tokio"],
    ),
    (
        "gateway-worker",
        &["admin-ui", "leptos", "registry-worker", "tokio"],
    ),
    (
        "admin-ui",
        &[
            "axum",
            "edge",
            "gateway-worker",
            "registry-worker",
            "worker",
        ],
    ),
    (
        "tedix-init",
        &[
            "edge",
            "gateway-worker",
            "registry-worker",
            "worker",
            "xtask",
        ],
    ),
];

/// One line for each dependency that points the wrong way.
pub(super) fn violations(tools: &Tools) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (package, forbidden) in LAYERS {
        let dependencies = dependencies(&mut tree(tools, package))?;
        found.extend(between(package, forbidden, &dependencies));
    }
    Ok(found)
}

fn tree(tools: &Tools, package: &str) -> Command {
    let mut command = tools::cargo();
    command
        .current_dir(tools.checkout.root())
        .args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
        ])
        .args([
            "--depth", "1", "--prefix", "none", "--format", "{p}", "--target", "all",
        ]);
    command
}

fn dependencies(tree: &mut Command) -> anyhow::Result<BTreeSet<String>> {
    let output = tree.output().context("`cargo tree` does not run")?;
    ensure!(
        output.status.success(),
        "`cargo tree` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

fn between(package: &str, forbidden: &[&str], dependencies: &BTreeSet<String>) -> Vec<String> {
    forbidden
        .iter()
        .filter(|name| dependencies.contains(**name))
        .map(|name| format!("{package} depends on {name}, which it must not (ARCHITECTURE.md)"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{IMPURE, between};

    #[test]
    fn a_dependency_the_wrong_way_is_named() {
        let dependencies = ["serde", "getrandom"].map(str::to_owned).into();
        assert_eq!(
            between("domain", &IMPURE, &dependencies),
            ["domain depends on getrandom, which it must not (ARCHITECTURE.md)"]
        );
    }
}
