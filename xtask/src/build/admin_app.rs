//! The admin app: static files that the registry Worker serves.
//!
//! Every file but `index.html` carries a digest of its content in its name, so
//! that browsers may keep it for ever. `index.html` (in `admin-ui/assets/`)
//! names the files without it, below `/assets/`; besides its own there are
//! `/assets/app.js`, which starts the app, `/assets/admin-ui.js` and
//! `/assets/admin-ui_bg.wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
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
    if fingerprint.is_current(&folder.join("index.html")) {
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
            .args(["--out-name", CRATE, "--out-dir"])
            .arg(&bound)
            .arg(compiled),
    )?;
    let wasm = bound.join(format!("{CRATE}_bg.wasm"));
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
    let template = assets.join("index.html");
    let mut page = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?;
    reset(folder)?;
    let public = folder.join(PUBLIC.trim_matches('/'));
    fs::create_dir_all(&public)?;

    let script = format!("{CRATE}.js");
    let wasm = format!("{CRATE}_bg.wasm");
    let script_name = copy_named(&bound.join(&script), &public)?;
    let wasm_name = copy_named(&bound.join(&wasm), &public)?;
    let start = format!(
        "import start from \"./{script_name}\";\n\
         start({{ module_or_path: new URL(\"./{wasm_name}\", import.meta.url) }});\n"
    );
    let start_name = write_named("app.js", start.as_bytes(), &public)?;
    let snippets = bound.join("snippets");
    if snippets.is_dir() {
        copy_folder(&snippets, &public.join("snippets"))?;
    }
    let started = format!("\"{PUBLIC}{start_name}\"");
    let mut names = vec![
        (script, script_name),
        (wasm, wasm_name),
        ("app.js".to_owned(), start_name),
    ];
    for entry in fs::read_dir(assets)? {
        let file = entry?.path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name != "index.html" && file.is_file() {
            names.push((name.to_owned(), copy_named(&file, &public)?));
        }
    }
    for (plain, named) in &names {
        page = page.replace(
            &format!("\"{PUBLIC}{plain}\""),
            &format!("\"{PUBLIC}{named}\""),
        );
    }
    ensure!(
        page.contains(&started),
        "{} does not load {PUBLIC}app.js, which starts the app",
        template.display()
    );
    fs::write(folder.join("index.html"), page)?;
    Ok(())
}

fn copy_named(file: &Path, folder: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .context("a file without a name")?;
    write_named(name, &bytes, folder)
}

fn write_named(name: &str, bytes: &[u8], folder: &Path) -> anyhow::Result<String> {
    let named = with_digest(name, bytes);
    fs::write(folder.join(&named), bytes)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    Ok(named)
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

    #[test]
    fn the_page_names_every_file_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("assets")).unwrap();
        fs::create_dir_all(at("bound/snippets/x")).unwrap();
        fs::write(at("assets/style.css"), "a{}").unwrap();
        fs::write(at("bound/admin-ui.js"), "export default 1").unwrap();
        fs::write(at("bound/admin-ui_bg.wasm"), "wasm").unwrap();
        fs::write(at("bound/snippets/x/inline0.js"), "").unwrap();
        let page = "<link href=\"/assets/style.css\"><script src=\"/assets/app.js\"></script>";
        fs::write(at("assets/index.html"), page).unwrap();
        publish(&at("assets"), &at("bound"), &at("out")).unwrap();

        let page = fs::read_to_string(at("out/index.html")).unwrap();
        let style = with_digest("style.css", b"a{}");
        assert!(
            page.contains(&format!("href=\"/assets/{style}\"")),
            "{page}"
        );
        assert!(at("out/assets").join(style).is_file());
        let start = page
            .split("src=\"/")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let start = fs::read_to_string(at("out").join(start)).unwrap();
        assert!(
            start.contains(&with_digest("admin-ui_bg.wasm", b"wasm")),
            "{start}"
        );
        assert!(at("out/assets/snippets/x/inline0.js").is_file());
    }

    #[test]
    fn a_page_that_does_not_start_the_app_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("assets")).unwrap();
        fs::create_dir_all(at("bound")).unwrap();
        fs::write(at("assets/index.html"), "<p>").unwrap();
        fs::write(at("bound/admin-ui.js"), "").unwrap();
        fs::write(at("bound/admin-ui_bg.wasm"), "").unwrap();
        let message = publish(&at("assets"), &at("bound"), &at("out"))
            .unwrap_err()
            .to_string();
        assert!(
            message.ends_with("does not load /assets/app.js, which starts the app"),
            "{message}"
        );
    }

    #[test]
    fn names_keep_their_extension() {
        let name = with_digest("admin-ui_bg.wasm", b"");
        assert_eq!(name, "admin-ui_bg-e3b0c44298fc.wasm");
    }
}
