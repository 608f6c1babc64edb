//! Every path of the app is built and read here, and nowhere else.

use domain::id::GatewayId;

use crate::forms::fleet_filter::FleetFilter;

/// Part of a gateway's page, as the last segment of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Section {
    /// How it is doing.
    Overview,
    /// What is used, and of what.
    Usage,
    /// The policy form.
    Policy,
    /// The whole policy as a document.
    Document,
    /// Why an agent may do something, or not.
    Explain,
    /// What must stay true of the policy.
    Tests,
    /// What enforces each clause.
    Coverage,
    /// Saved versions of the policy.
    Versions,
    /// What OpenClaw itself reports.
    Effective,
    /// What agents want to change about themselves.
    Proposals,
    /// Generations of its state.
    Snapshots,
    /// Who did what.
    Audit,
}

impl Section {
    /// All sections.
    pub(crate) const ALL: [Self; 12] = [
        Self::Overview,
        Self::Usage,
        Self::Policy,
        Self::Document,
        Self::Explain,
        Self::Tests,
        Self::Coverage,
        Self::Versions,
        Self::Effective,
        Self::Proposals,
        Self::Snapshots,
        Self::Audit,
    ];

    /// Those with a tab of their own, in its order.
    pub(crate) const TABS: [Self; 6] = [
        Self::Overview,
        Self::Usage,
        Self::Policy,
        Self::Proposals,
        Self::Snapshots,
        Self::Audit,
    ];

    /// Those about the policy, below its tab, in their order.
    pub(crate) const OF_POLICY: [Self; 7] = [
        Self::Policy,
        Self::Document,
        Self::Explain,
        Self::Tests,
        Self::Coverage,
        Self::Versions,
        Self::Effective,
    ];

    /// The section whose tab leads here.
    pub(crate) fn tab(self) -> Self {
        if Self::OF_POLICY.contains(&self) {
            Self::Policy
        } else {
            self
        }
    }

    /// Its path segment; empty for the overview.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Usage => "usage",
            Self::Policy => "policy",
            Self::Document => "document",
            Self::Explain => "explain",
            Self::Tests => "tests",
            Self::Coverage => "coverage",
            Self::Versions => "versions",
            Self::Effective => "effective",
            Self::Proposals => "proposals",
            Self::Snapshots => "snapshots",
            Self::Audit => "audit",
        }
    }

    /// What the tab and the page title say.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Usage => "Usage",
            Self::Policy => "Policy",
            Self::Document => "All clauses",
            Self::Explain => "Explain",
            Self::Tests => "Tests",
            Self::Coverage => "Coverage",
            Self::Versions => "Versions",
            Self::Effective => "Effective",
            Self::Proposals => "Proposals",
            Self::Snapshots => "Snapshots",
            Self::Audit => "Audit",
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

/// A path with parameters; those that are empty are left out.
pub(crate) fn with_query<K: AsRef<str>, V: AsRef<str>>(path: &str, pairs: &[(K, V)]) -> String {
    let pair = |(key, value): &(K, V)| {
        let (key, value) = (key.as_ref(), value.as_ref());
        (!value.is_empty()).then(|| format!("{key}={}", crate::ui::text::percent_encode(value)))
    };
    let query: Vec<String> = pairs.iter().filter_map(pair).collect();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", query.join("&"))
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
    use super::{Section, fleet_filtered, gateway, gateway_of, sign_in_returning, with_query};
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
    fn every_section_has_a_tab_that_leads_to_it() {
        for section in Section::ALL {
            let tab = section.tab();
            assert!(Section::TABS.contains(&tab), "{section:?}");
            let below = Section::OF_POLICY.contains(&section);
            assert_eq!(below, tab == Section::Policy, "{section:?}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_empty_ones_left_out() {
        assert_eq!(with_query("/x", &[("a", "")]), "/x");
        assert_eq!(
            with_query("/x", &[("a", "1&b=2"), ("b", ""), ("c", "é")]),
            "/x?a=1%26b%3D2&c=%C3%A9"
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
