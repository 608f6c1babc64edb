//! The admin app: static files that the registry Worker serves.
//!
//! Every file but `index.html` carries a digest of its content in its name, so
//! that browsers may keep it for ever. `index.html` (in `admin-ui/assets/`)
//! names them with placeholders: `{{style.css}}` for a file next to it,
//! `{{app.js}}` and `{{app.wasm}}` for what is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::fingerprint::Fingerprint;
use super::{inputs, size};
use crate::tools::{self, Tools, disk};
use crate::ui::{Progress, Step};

const CRATE: &str = "admin-ui";
/// Where `index.html` and what it needs are.
const ASSETS: &str = "admin-ui/assets";
/// Where files with a digest in their name go, as the browser sees it.
const PUBLIC: &str = "/assets/";
/// The page itself, the one file that keeps its name.
const PAGE: &str = "index.html";
/// What wasm-bindgen makes, and what the page calls it.
const BOUND_WASM: &str = "app_bg.wasm";
const WASM: &str = "app.wasm";
const SCRIPT: &str = "app.js";
/// What a first build takes at most, in bytes.
const ROOM: u64 = 1_500_000_000;

/// What rustc emits for wasm32 by default; wasm-opt must be told.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The folder of the admin app, built.
pub(super) fn build(tools: &Tools, progress: &Progress) -> anyhow::Result<PathBuf> {
    let checkout = &tools.checkout;
    let folder = checkout.build().join("admin");
    let identity = tools.wasm.identity()?;
    let bindgen = tools.wasm_bindgen.to_string_lossy();
    let recipe = include_str!("admin_app.rs");
    let words = [identity.as_str(), &bindgen, recipe];
    let digest = inputs::digest(checkout.root(), CRATE, &["package-lock.json"], &words)?;
    let fingerprint = Fingerprint::of(checkout, CRATE, digest);
    if fingerprint.is_current(&folder.join(PAGE)) {
        return Ok(folder);
    }
    disk::require(checkout.root(), ROOM, "building the admin app")?;
    fingerprint.forget()?;
    let step = progress.step("build-admin-ui", "Building the admin app")?;
    let bound = bind(tools, &step)?;
    publish(&checkout.join(ASSETS), &bound, &folder)?;
    fingerprint.record()?;
    step.done(&size::shown(size::of_folder(&folder)?));
    Ok(folder)
}

/// Compiles, binds and optimises; the folder with the JavaScript and the WebAssembly.
fn bind(tools: &Tools, step: &Step) -> anyhow::Result<PathBuf> {
    let checkout = &tools.checkout;
    let mut compile = tools::cargo();
    tools.for_wasm(&mut compile)?;
    compile.current_dir(checkout.root()).args([
        "build",
        "--locked",
        "--release",
        "--package",
        CRATE,
        "--target",
        tools::WASM_TRIPLE,
    ]);
    step.run(&mut compile)?;
    let compiled = checkout
        .wasm_target()
        .join(tools::WASM_TRIPLE)
        .join("release")
        .join(format!("{CRATE}.wasm"));
    let bound = checkout.build().join("admin-bindgen");
    reset(&bound)?;
    step.run(
        Command::new(&tools.wasm_bindgen)
            .args([
                "--target",
                "web",
                "--no-typescript",
                "--omit-default-module-path",
            ])
            .args(["--out-name", "app", "--out-dir"])
            .arg(&bound)
            .arg(compiled),
    )?;
    let wasm = bound.join(BOUND_WASM);
    step.run(
        Command::new(tools.node.program("wasm-opt"))
            .env("PATH", tools.node.search_path())
            .arg("-Os")
            .args(WASM_FEATURES)
            .arg(&wasm)
            .arg("-o")
            .arg(&wasm),
    )?;
    Ok(bound)
}

/// Puts the app together in `folder`.
fn publish(assets: &Path, bound: &Path, folder: &Path) -> anyhow::Result<()> {
    let template = assets.join(PAGE);
    let mut page = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    reset(folder)?;
    let public = folder.join(PUBLIC.trim_matches('/'));
    fs::create_dir_all(&public)?;
    let mut files = vec![
        (SCRIPT.to_owned(), bound.join(SCRIPT)),
        (WASM.to_owned(), bound.join(BOUND_WASM)),
    ];
    for entry in fs::read_dir(assets)? {
        let file = entry?.path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name != PAGE && file.is_file() {
            files.push((name.to_owned(), file.clone()));
        }
    }
    for (name, file) in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let named = with_digest(&name, &bytes);
        fs::write(public.join(&named), bytes)
            .with_context(|| format!("cannot write to {}", public.display()))?;
        page = page.replace(&format!("{{{{{name}}}}}"), &format!("{PUBLIC}{named}"));
    }
    if let Some(unknown) = page.split("{{").nth(1) {
        let name = unknown.split("}}").next().unwrap_or_default();
        bail!(
            "{} names {name}, and there is no such file",
            template.display()
        );
    }
    // What crates bring as JavaScript of their own; the script imports it by these names.
    let snippets = bound.join("snippets");
    if snippets.is_dir() {
        copy_folder(&snippets, &public.join("snippets"))?;
    }
    fs::write(folder.join(PAGE), page)?;
    Ok(())
}

/// `style.css` becomes `style-1f2e3d4c5b6a.css`.
fn with_digest(name: &str, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{digest}.{extension}"),
        None => format!("{name}-{digest}"),
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn reset(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::{publish, with_digest};
    use std::fs;

    fn publish_page(page: &str) -> (tempfile::TempDir, anyhow::Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("assets")).unwrap();
        fs::create_dir_all(at("bound/snippets/x")).unwrap();
        fs::write(at("assets/index.html"), page).unwrap();
        fs::write(at("assets/style.css"), "a{}").unwrap();
        fs::write(at("bound/app.js"), "export default 1").unwrap();
        fs::write(at("bound/app_bg.wasm"), "wasm").unwrap();
        fs::write(at("bound/snippets/x/inline0.js"), "").unwrap();
        let outcome = publish(&at("assets"), &at("bound"), &at("out"));
        (folder, outcome)
    }

    #[test]
    fn the_page_names_every_file_by_its_content() {
        let (folder, outcome) =
            publish_page("<link href=\"{{style.css}}\"> {{app.js}} {{app.wasm}}");
        outcome.unwrap();
        let out = folder.path().join("out");
        let names = [
            ("style.css", "a{}"),
            ("app.js", "export default 1"),
            ("app.wasm", "wasm"),
        ]
        .map(|(name, text)| with_digest(name, text.as_bytes()));
        let [style, script, wasm] = &names;
        assert_eq!(
            fs::read_to_string(out.join("index.html")).unwrap(),
            format!("<link href=\"/assets/{style}\"> /assets/{script} /assets/{wasm}")
        );
        for name in names {
            assert!(out.join("assets").join(&name).is_file(), "{name}");
        }
        assert!(out.join("assets/snippets/x/inline0.js").is_file());
    }

    #[test]
    fn a_page_that_names_a_file_that_is_not_there_is_refused() {
        let (_folder, outcome) = publish_page("{{app.js}} {{missing.css}}");
        let message = outcome.unwrap_err().to_string();
        assert!(
            message.ends_with("names missing.css, and there is no such file"),
            "{message}"
        );
    }

    #[test]
    fn names_keep_their_extension() {
        let name = with_digest("app.wasm", b"");
        assert_eq!(name, "app-e3b0c44298fc.wasm");
    }
}
