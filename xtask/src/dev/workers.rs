//! The Workers of an installation: what each is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::host::{ContainerSpec, GIT_SECRETS, HostSpec, Launch};
use super::layout::{GatewayPlace, Layout, OPERATOR};
use super::models::ModelChoice;
use super::state::State;
use crate::build::Artifacts;
use crate::tools::Tools;

/// Entry module of a Worker's build.
const ENTRY: &str = "index.js";
/// What the registry is called in this run.
const REGISTRY: &str = "registry";

/// Everything that launching a Worker needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workers<'a> {
    /// Ports and names.
    pub(crate) layout: &'a Layout,
    /// Node and the packages.
    pub(crate) tools: &'a Tools,
    /// The builds.
    pub(crate) artifacts: &'a Artifacts,
    /// The state folder.
    pub(crate) state: &'a State,
    /// The Chromium that agents may use, where the policy gives them a browser.
    pub(crate) browser: Option<&'a Path>,
}

/// What a gateway's Worker is called in this run.
#[must_use]
pub(crate) fn worker_name(place: &GatewayPlace) -> String {
    format!("gateway-{}", place.name)
}

impl Workers<'_> {
    /// The registry.
    ///
    /// # Errors
    /// When its key cannot be read or made.
    pub(crate) fn registry(&self) -> anyhow::Result<Launch> {
        let layout = self.layout;
        let gateways: Vec<String> = layout.gateways().map(|place| place.url()).collect();
        let vars = BTreeMap::from([
            ("PUBLIC_URL".to_owned(), layout.registry_url()),
            ("ACCESS_ISSUER".to_owned(), layout.issuer_url()),
            ("ACCESS_AUDIENCE".to_owned(), layout.registry_audience()),
            ("REGISTRY_OPERATORS".to_owned(), OPERATOR.to_owned()),
            ("GATEWAY_ORIGINS".to_owned(), gateways.join(",")),
        ]);
        let key = self.state.secret("registry-signing-key")?;
        let secrets = BTreeMap::from([("REGISTRY_SIGNING_KEY".to_owned(), key)]);
        let config = self.tools.checkout.join("wrangler.toml");
        let build = &self.artifacts.registry_worker;
        let mut launch = self.launch(REGISTRY, REGISTRY, &config, build, layout.registry_port());
        launch.spec.vars = vars;
        launch.spec.assets_dir = Some(self.artifacts.admin_app.clone());
        launch.secrets = secrets;
        Ok(launch)
    }

    /// A gateway.
    #[must_use]
    pub(crate) fn gateway(
        &self,
        place: &GatewayPlace,
        model: &ModelChoice,
        container: ContainerSpec,
    ) -> Launch {
        let mut vars = BTreeMap::from([
            ("GATEWAY_NAME".to_owned(), place.name.to_string()),
            ("PUBLIC_URL".to_owned(), place.url()),
            ("ADMIN_ORIGIN".to_owned(), self.layout.registry_url()),
            ("ACCESS_ISSUER".to_owned(), self.layout.issuer_url()),
            ("ACCESS_AUDIENCE".to_owned(), place.audience()),
            ("BOOTSTRAP_ADMINS".to_owned(), OPERATOR.to_owned()),
        ]);
        vars.extend(model.vars.clone());
        let config = self.tools.checkout.join("gateway-worker/wrangler.toml");
        let build = &self.artifacts.gateway_worker;
        let label = place.name.as_str();
        let mut launch = self.launch(label, &worker_name(place), &config, build, place.port);
        launch.spec.vars = vars;
        launch.spec.container = Some(container);
        launch.spec.browser = self.browser.map(Path::to_owned);
        launch.secrets = model.secrets.clone();
        let own = GIT_SECRETS.iter().filter_map(|name| {
            let value = std::env::var(name).ok()?;
            (!value.trim().is_empty()).then(|| ((*name).to_owned(), value))
        });
        launch.secrets.extend(own);
        launch
    }

    fn launch(&self, label: &str, name: &str, config: &Path, build: &Path, port: u16) -> Launch {
        let run = self.state.run();
        Launch {
            label: label.to_owned(),
            node: self.tools.node.node.clone(),
            script: self.tools.checkout.join("xtask/runtime/host.mjs"),
            spec_file: run.join(format!("{name}.json")),
            log: self.log(name),
            spec: HostSpec {
                name: name.to_owned(),
                config: config.to_owned(),
                cache_dir: Some(self.state.cache()),
                packages_dir: self.tools.checkout.root().to_owned(),
                build_dir: build.to_owned(),
                main: ENTRY.to_owned(),
                vars: BTreeMap::new(),
                assets_dir: None,
                container: None,
                browser: None,
                port,
                direct_port: None,
                beside: Vec::new(),
                persist_dir: self.state.data(name),
                tmp_dir: run.join(format!("{name}-tmp")),
            },
            secrets: BTreeMap::new(),
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.state.logs().join(format!("{name}.log"))
    }
}
