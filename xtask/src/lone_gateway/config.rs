//! What a lone gateway is made from.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::wire::init::MODEL_KEY_ENV;

use crate::engine::{Bind, Image};

const KEY_IMAGE: &str = "tedix-lone";
/// The container's program: a shell that leaves the key behind and stays.
const ENTRY: &str = "/opt/lone/entry";
/// Where it leaves the key, in the container.
pub(super) const KEY_FILE: &str = "/data/model-key";

/// What a lone gateway is made from.
#[derive(Debug, Clone)]
pub struct LoneConfig {
    /// Root of the checkout, with its npm packages.
    pub checkout: PathBuf,
    /// The `node` program.
    pub node: PathBuf,
    /// The finished build of the gateway Worker.
    pub build: PathBuf,
    /// The xtask program, which runs the container; none for the running program.
    pub helper: Option<PathBuf>,
    /// Folder for everything that it keeps; the caller's to remove.
    pub folder: PathBuf,
    /// Folder for its log.
    pub logs: PathBuf,
    /// Origin of the model server, without a slash at the end.
    pub upstream: String,
    /// The key that the model server wants.
    pub upstream_key: String,
    /// `MODELS`, and whatever else the Worker's variables are to be.
    pub vars: BTreeMap<String, String>,
    /// The Chromium that answers the browser binding; none leaves it out.
    pub browser: Option<PathBuf>,
    /// What runs in the container.
    pub inside: Inside,
}

/// What runs in the container of a lone gateway, and beside its Worker.
#[derive(Debug, Clone, Default)]
pub enum Inside {
    /// A shell that leaves the key for models behind; beside the Worker the container's
    /// door and a bare Worker that passes model calls on.
    #[default]
    Key,
    /// The same, and then a program.
    Program {
        /// What the container is shown besides.
        binds: Vec<Bind>,
        /// The program, in the words of a shell.
        command: String,
    },
    /// An image of the caller's, and Workers beside the gateway's.
    Other {
        /// The image.
        image: Image,
        /// The Workers.
        beside: Vec<Beside>,
    },
}

/// A Worker in the same workerd.
#[derive(Debug, Clone)]
pub struct Beside {
    /// What it is called.
    pub name: &'static str,
    /// Folder with its `wrangler.toml` and `index.js`.
    pub place: PathBuf,
    /// Its variables.
    pub vars: BTreeMap<String, String>,
    /// Binding of its Durable Object that has a container of the same image.
    pub container: Option<&'static str>,
}

/// The container's door, and a bare Worker to measure it against.
pub(super) fn model_doors(config: &LoneConfig) -> Vec<Beside> {
    let runtime = config.checkout.join("xtask/runtime");
    let beside = |name: &'static str, vars| Beside {
        name,
        place: runtime.join(name),
        vars,
        container: None,
    };
    let upstream = ("UPSTREAM".to_owned(), config.upstream.clone());
    vec![
        beside("door", BTreeMap::new()),
        beside("pass-through", BTreeMap::from([upstream])),
    ]
}

/// An image whose program leaves the key behind.
pub(super) fn key_image(folder: &Path, inside: &Inside) -> anyhow::Result<Image> {
    let path = folder.join("entry");
    // The end of the line says that all of the key is there.
    let (command, more) = match inside {
        Inside::Program { binds, command } => (command.as_str(), binds.clone()),
        _ => ("sleep 86400", Vec::new()),
    };
    let script = format!("#!/bin/sh\necho \"${MODEL_KEY_ENV}\" > \"$KEY_FILE\"\nexec {command}\n");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(Image {
        name: KEY_IMAGE.to_owned(),
        binds: [
            vec![Bind {
                source: path,
                target: ENTRY.into(),
            }],
            more,
        ]
        .concat(),
        entrypoint: vec![ENTRY.to_owned()],
        env: vec![format!("KEY_FILE={KEY_FILE}")],
        ..Image::default()
    })
}
