//! Every path of the app is built and read here, and nowhere else.

use domain::id::GatewayId;

use crate::forms::fleet_filter::FleetFilter;

/// Part of a gateway's page, as the last segment of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Section {
    /// How it is doing.
    Overview,
    /// The policy form.
    Policy,
    /// Saved versions of the policy.
    Versions,
    /// What OpenClaw itself reports.
    Effective,
    /// Who did what.
    Audit,
    /// Tokens by day and model.
    Usage,
}

impl Section {
    /// All sections, in the order of the tabs.
    pub(crate) const ALL: [Self; 6] = [
        Self::Overview,
        Self::Policy,
        Self::Versions,
        Self::Effective,
        Self::Audit,
        Self::Usage,
    ];

    /// Its path segment; empty for the overview.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Policy => "policy",
            Self::Versions => "versions",
            Self::Effective => "effective",
            Self::Audit => "audit",
            Self::Usage => "usage",
        }
    }

    /// What the tab and the page title say.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Policy => "Policy",
            Self::Versions => "Versions",
            Self::Effective => "Effective",
            Self::Audit => "Audit",
            Self::Usage => "Usage",
        }
    }

    /// The section of a path segment; none when there is no such section.
    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.slug() == slug)
    }
}

/// The fleet, all of it.
pub(crate) fn fleet() -> String {
    "/".to_owned()
}

/// The fleet as filtered.
pub(crate) fn fleet_filtered(filter: &FleetFilter) -> String {
    let query = filter.to_query();
    if query.is_empty() {
        fleet()
    } else {
        format!("/?{query}")
    }
}

/// A section of a gateway's page.
pub(crate) fn gateway(id: &GatewayId, section: Section) -> String {
    match section.slug() {
        "" => format!("/gateways/{id}"),
        slug => format!("/gateways/{id}/{slug}"),
    }
}

/// The gateway that a path of this app belongs to, as spelled there.
pub(crate) fn gateway_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/gateways/")?;
    rest.split(['/', '?', '#'])
        .next()
        .filter(|id| !id.is_empty())
}

/// The sign-in link of a problem, changed so that it comes back to `here`
/// (path, query and fragment of this app at `origin`). Links that are not
/// http(s) give none.
pub(crate) fn sign_in_returning(sign_in_url: &str, origin: &str, here: &str) -> Option<String> {
    let url = crate::ui::text::web_link(sign_in_url)?;
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parts: Vec<String> = Vec::new();
    let mut absolute = false;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.strip_prefix("redirect_url=") {
            Some(old) => absolute = old.starts_with("http"),
            None => parts.push(part.to_owned()),
        }
    }
    let back = if absolute {
        format!("{origin}{here}")
    } else {
        here.to_owned()
    };
    parts.push(format!(
        "redirect_url={}",
        crate::ui::text::percent_encode(&back)
    ));
    Some(format!("{base}?{}", parts.join("&")))
}

#[cfg(test)]
mod tests {
    use super::{Section, fleet_filtered, gateway, gateway_of, sign_in_returning};
    use crate::forms::fleet_filter::FleetFilter;
    use domain::id::GatewayId;

    fn id() -> GatewayId {
        GatewayId::from_parts(1_795_336_453_265, [7; 10])
    }

    #[test]
    fn every_section_has_a_path_that_reads_back() {
        for section in Section::ALL {
            assert_eq!(Section::from_slug(section.slug()), Some(section));
            assert_eq!(gateway_of(&gateway(&id(), section)), Some(id().as_str()));
        }
        assert_eq!(Section::from_slug("nope"), None);
        assert_eq!(
            gateway(&id(), Section::Overview),
            format!("/gateways/{}", id())
        );
        assert_eq!(
            gateway(&id(), Section::Policy),
            format!("/gateways/{}/policy", id())
        );
    }

    #[test]
    fn other_paths_belong_to_no_gateway() {
        for path in ["/", "/gateways/", "/gatewaysx/gw_1", ""] {
            assert_eq!(gateway_of(path), None, "{path}");
        }
    }

    #[test]
    fn an_empty_filter_leaves_no_query() {
        assert_eq!(fleet_filtered(&FleetFilter::default()), "/");
    }

    #[test]
    fn signing_in_returns_to_the_page_one_was_on() {
        let from =
            "https://t.cloudflareaccess.com/cdn-cgi/access/login/h?kid=a&redirect_url=%2Fapi";
        assert_eq!(
            sign_in_returning(from, "https://r.example", "/gateways/gw_1/policy?x=1&y=2")
                .as_deref(),
            Some(
                "https://t.cloudflareaccess.com/cdn-cgi/access/login/h?kid=a\
                 &redirect_url=%2Fgateways%2Fgw_1%2Fpolicy%3Fx%3D1%26y%3D2"
            )
        );
        let absolute = "http://localhost:8799/login?redirect_url=http%3A%2F%2Flocalhost%3A8700%2F";
        assert_eq!(
            sign_in_returning(absolute, "http://localhost:8700", "/").as_deref(),
            Some("http://localhost:8799/login?redirect_url=http%3A%2F%2Flocalhost%3A8700%2F")
        );
        assert_eq!(
            sign_in_returning("javascript:alert(1)", "https://r.example", "/"),
            None
        );
    }
}
