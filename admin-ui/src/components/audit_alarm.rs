//! A gateway's audit that does not continue: said where nobody overlooks it, until the
//! gateway is enrolled anew.

use domain::wire::registry::{AuditAlarm, GatewaySummary};
use leptos::prelude::*;

use super::gateway_context::GatewayContext;
use crate::paths::{self, Section};
use crate::ui::clock::Relative;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::short_hash;

/// What the registry knew, and what it was told then.
fn what(alarm: &AuditAlarm) -> String {
    let (known, said) = (&alarm.known, &alarm.said);
    let how = if said.seq < known.seq {
        "went back to"
    } else {
        "came with"
    };
    format!(
        "It had reported entry {} ({}) and {how} entry {} ({}), which does not follow from it: \
         somebody has rewritten its records, or put an older copy in their place.",
        known.seq,
        short_hash(&known.hash),
        said.seq,
        short_hash(&said.hash)
    )
}

/// The alarm of the gateway that the page is about.
pub(crate) fn notice(context: GatewayContext) -> AnyView {
    let alarm = Memo::new(move |_| {
        context
            .summary
            .value
            .with(|summary| summary.as_ref().and_then(|s| s.audit_alarm.clone()))
    });
    (move || {
        alarm.get().map(|alarm| {
            view! {
                <Notice tone=Tone::Bad>
                    <p>
                        <strong>"The audit of this gateway does not continue. "</strong>
                        "Noticed " <Relative at=alarm.at /> ". " {what(&alarm)}
                    </p>
                    <p>
                        "Compare the "
                        <a class="text-link" href=paths::gateway(&context.id(), Section::Audit)>"audit"</a>
                        " with an earlier export. The alarm stays until the gateway is enrolled anew."
                    </p>
                </Notice>
            }
        })
    })
    .into_any()
}

/// The alarms of a fleet, each with the way to its gateway.
pub(crate) fn of_fleet(gateways: Signal<Vec<GatewaySummary>>) -> AnyView {
    let alarmed = Memo::new(move |_| {
        gateways.with(|all| {
            let alarmed = all.iter().filter(|g| g.audit_alarm.is_some());
            alarmed
                .map(|g| (g.name.to_string(), g.id.clone()))
                .collect::<Vec<_>>()
        })
    });
    (move || {
        let alarmed = alarmed.get();
        let links = alarmed.into_iter().map(|(name, id)| {
            view! { <li><a class="text-link" href=paths::gateway(&id, Section::Overview)>{name}</a></li> }
        });
        let links: Vec<_> = links.collect();
        (!links.is_empty()).then(|| {
            view! {
                <Notice tone=Tone::Bad>
                    <p>
                        <strong>"Audit alarm. "</strong>
                        "What these gateways report does not continue the audit that they reported before:"
                    </p>
                    <ul>{links}</ul>
                </Notice>
            }
        })
    })
    .into_any()
}

/// A mark for the fleet.
pub(crate) fn tag(alarm: &AuditAlarm) -> AnyView {
    view! { <span class="tag bad" title=what(alarm)>"Audit alarm"</span> }.into_any()
}

#[cfg(test)]
mod tests {
    use domain::audit::Head;
    use domain::wire::registry::AuditAlarm;

    use super::what;

    #[test]
    fn an_alarm_says_both_entries() {
        let head = |seq, digit: &str| Head {
            seq,
            hash: digit.repeat(64),
        };
        let mut alarm = AuditAlarm {
            at: chrono::DateTime::UNIX_EPOCH,
            known: head(6, "a"),
            said: head(2, "b"),
        };
        let text = what(&alarm);
        assert!(text.contains("entry 6 (aaaa") && text.contains("went back to entry 2 (bbbb"));
        alarm.said = head(9, "b");
        assert!(what(&alarm).contains("came with entry 9"));
    }
}
