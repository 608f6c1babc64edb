//! Who listens where, and what they are called.

use domain::id::GatewayName;

/// Distance from the registry's port to the model stand-in's.
const MODEL_OFFSET: u16 = 98;
/// Distance from the registry's port to the issuer stand-in's.
const ISSUER_OFFSET: u16 = 99;

/// E-mail address of the operator of a local installation.
pub const OPERATOR: &str = "operator@localhost.test";

/// Ports, names and audiences of an installation. Everything listens on 127.0.0.1
/// and is reached as `localhost`, so that one sign-in cookie serves every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    port: u16,
    names: Vec<GatewayName>,
}

/// One gateway of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayPlace {
    /// What it is called.
    pub name: GatewayName,
    /// Its port.
    pub port: u16,
}

impl Layout {
    /// The layout of `gateways` gateways from `port` on.
    ///
    /// # Errors
    /// Never for the numbers that the command line lets through.
    pub fn new(port: u16, gateways: u16) -> anyhow::Result<Self> {
        let names = (1..=gateways).map(|number| {
            let name = match number {
                1 => "personal".to_owned(),
                2 => "company".to_owned(),
                number => format!("gateway-{number}"),
            };
            Ok(name.parse()?)
        });
        Ok(Self {
            port,
            names: names.collect::<anyhow::Result<_>>()?,
        })
    }

    /// The gateways, in order of their ports.
    pub fn gateways(&self) -> impl Iterator<Item = GatewayPlace> + '_ {
        (self.port + 1..)
            .zip(&self.names)
            .map(|(port, name)| GatewayPlace {
                name: name.clone(),
                port,
            })
    }

    /// Port of the registry.
    #[must_use]
    pub fn registry_port(&self) -> u16 {
        self.port
    }

    /// Port of the model stand-in.
    #[must_use]
    pub fn model_port(&self) -> u16 {
        self.port + MODEL_OFFSET
    }

    /// Port of the issuer stand-in.
    #[must_use]
    pub fn issuer_port(&self) -> u16 {
        self.port + ISSUER_OFFSET
    }

    /// Origin of the registry and the admin app.
    #[must_use]
    pub fn registry_url(&self) -> String {
        origin(self.port)
    }

    /// Origin of the issuer stand-in.
    #[must_use]
    pub fn issuer_url(&self) -> String {
        origin(self.issuer_port())
    }

    /// Origin of the model stand-in.
    #[must_use]
    pub fn model_url(&self) -> String {
        origin(self.model_port())
    }

    /// Every port with what listens on it.
    #[must_use]
    pub fn ports(&self) -> Vec<(u16, String)> {
        let mut ports = vec![(self.port, "the registry".to_owned())];
        ports.extend(
            self.gateways()
                .map(|place| (place.port, format!("gateway {}", place.name))),
        );
        ports.push((self.model_port(), "the model stand-in".to_owned()));
        ports.push((self.issuer_port(), "the sign-in stand-in".to_owned()));
        ports
    }

    /// Access audience of the registry.
    #[must_use]
    pub fn registry_audience(&self) -> String {
        "tedix-registry".to_owned()
    }

    /// Audiences of the registry and every gateway.
    #[must_use]
    pub fn audiences(&self) -> Vec<String> {
        let gateways = self.gateways().map(|place| place.audience());
        std::iter::once(self.registry_audience())
            .chain(gateways)
            .collect()
    }

    /// Origins that a browser uses: the registry's and every gateway's.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let gateways = self.gateways().map(|place| place.url());
        std::iter::once(self.registry_url())
            .chain(gateways)
            .collect()
    }
}

impl GatewayPlace {
    /// Its origin.
    #[must_use]
    pub fn url(&self) -> String {
        origin(self.port)
    }

    /// Its Access audience.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("tedix-gateway-{}", self.name)
    }
}

fn origin(port: u16) -> String {
    format!("http://localhost:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_own_port() {
        let layout = Layout::new(8700, 64).expect("a layout");
        let mut ports: Vec<_> = layout.ports().into_iter().map(|(port, _)| port).collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!((count, ports.len()), (67, 67));
    }

    #[test]
    fn gateways_follow_the_registry() {
        let layout = Layout::new(8700, 3).expect("a layout");
        let places: Vec<_> = layout
            .gateways()
            .map(|g| (g.name.to_string(), g.url()))
            .collect();
        assert_eq!(
            places,
            [
                ("personal".to_owned(), "http://localhost:8701".to_owned()),
                ("company".to_owned(), "http://localhost:8702".to_owned()),
                ("gateway-3".to_owned(), "http://localhost:8703".to_owned()),
            ]
        );
        assert_eq!(layout.issuer_url(), "http://localhost:8799");
        assert_eq!(layout.model_url(), "http://localhost:8798");
    }
}
