//! Pure text for people: times, numbers, sizes, links.

use chrono::{DateTime, TimeDelta, Utc};

/// How long ago, or until, in one unit: `12 s ago`, `in 4 min`, `just now`.
///
/// Clocks of gateways and browsers differ a little, so up to five seconds in
/// either direction are now.
pub(crate) fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let delta = now - at;
    if delta.num_seconds().abs() < 5 {
        return "just now".to_owned();
    }
    let amount = span(delta.abs());
    if delta > TimeDelta::zero() {
        format!("{amount} ago")
    } else {
        format!("in {amount}")
    }
}

/// A length of time in its largest unit: `12 s`, `4 min`, `3 h`, `12 days`.
pub(crate) fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5399 => format!("{} min", (seconds + 30) / 60),
        5400..=129_599 => format!("{} h", (seconds + 1800) / 3600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// The absolute time, for titles: `2026-11-22 13:37:05 UTC`.
pub(crate) fn absolute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A count with thin spaces between thousands: `1 234 567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A count in at most four characters and a unit: `950`, `12.3k`, `4.0M`.
pub(crate) fn count_short(n: u64) -> String {
    let units: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    for (unit, letter) in units {
        if n >= unit {
            let tenths = n / (unit / 10);
            return if tenths >= 1000 {
                format!("{}{letter}", tenths / 10)
            } else {
                format!("{}.{}{letter}", tenths / 10, tenths % 10)
            };
        }
    }
    n.to_string()
}

/// An amount of money from millionths of a US dollar: `$12.30`, `$0.0042`, `$1 234`.
pub(crate) fn usd(micro: u64) -> String {
    let (dollars, rest) = (micro / 1_000_000, micro % 1_000_000);
    if dollars >= 1_000 {
        return format!("${}", count(dollars));
    }
    // What is less than a cent keeps its digits: a call often costs a fraction of one.
    if micro > 0 && micro < 1_000_000 && rest % 10_000 != 0 {
        let digits = format!("{rest:06}");
        let digits = digits
            .get(..4)
            .filter(|head| *head != "0000")
            .unwrap_or(&digits);
        return format!("$0.{digits}");
    }
    format!("${dollars}.{:02}", rest / 10_000)
}

/// Milliseconds as people read them: `840 ms`, `3.2 s`, `4 min`.
pub(crate) fn millis(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=89_999 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min", (ms + 30_000) / 60_000),
    }
}

/// A size in binary units: `512 B`, `1.5 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut whole = n;
    let mut tenths = 0;
    let mut name = "";
    for unit in UNITS {
        if whole < 1024 {
            break;
        }
        tenths = (whole % 1024) * 10 / 1024;
        whole /= 1024;
        name = unit;
    }
    format!("{whole}.{tenths} {name}")
}

/// The first characters of a hash or commit, enough to tell two apart.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.chars().take(10).collect()
}

/// How much of `whole` is `part`, in percent rounded down, at most `cap`.
pub(crate) fn percent(part: u64, whole: u64, cap: u64) -> u64 {
    if whole == 0 {
        return if part == 0 { 0 } else { cap };
    }
    u64::try_from(u128::from(part) * 100 / u128::from(whole))
        .unwrap_or(cap)
        .min(cap)
}

/// `text` when it is an http(s) address that may become a link, else none:
/// gateways supply these texts, and `javascript:` must stay text.
pub(crate) fn web_link(text: &str) -> Option<&str> {
    let lower = text.get(..8.min(text.len()))?.to_ascii_lowercase();
    let rest = match (lower.starts_with("https://"), lower.starts_with("http://")) {
        (true, _) => text.get(8..)?,
        (_, true) => text.get(7..)?,
        _ => return None,
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\' || c == '"';
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A user name before the host is how a link pretends to lead elsewhere.
    let bad = host.is_empty() || host.contains('@') || text.chars().any(odd);
    (!bad).then_some(text)
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `s` unless `n` is one.
pub(crate) const fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::{
        absolute, bytes, count, count_short, millis, percent, percent_encode, relative, short_hash,
        span, usd, web_link,
    };
    use chrono::{DateTime, TimeDelta, Utc};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn relative_times_pick_one_unit() {
        let now = at("2026-11-22T12:00:00Z");
        for (then, says) in [
            ("2026-11-22T12:00:00Z", "just now"),
            ("2026-11-22T12:00:04Z", "just now"),
            ("2026-11-22T11:59:48Z", "12 s ago"),
            ("2026-11-22T12:04:00Z", "in 4 min"),
            ("2026-11-22T09:00:00Z", "3 h ago"),
            ("2026-11-10T12:00:00Z", "12 days ago"),
        ] {
            assert_eq!(relative(at(then), now), says, "{then}");
        }
        assert_eq!(absolute(now), "2026-11-22 12:00:00 UTC");
    }

    #[test]
    fn spans_never_read_negative() {
        assert_eq!(span(TimeDelta::seconds(-9)), "0 s");
        assert_eq!(span(TimeDelta::seconds(89)), "89 s");
        assert_eq!(span(TimeDelta::seconds(90)), "2 min");
        assert_eq!(span(TimeDelta::seconds(5400)), "2 h");
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count_short(999), "999");
        assert_eq!(count_short(12_345), "12.3k");
        assert_eq!(count_short(250_000), "250k");
        assert_eq!(count_short(4_000_000), "4.0M");
    }

    #[test]
    fn money_keeps_what_matters_and_no_cost_is_never_a_small_one() {
        for (micro, says) in [
            (0, "$0.00"),
            (7, "$0.000007"),
            (4_200, "$0.0042"),
            (120_000, "$0.12"),
            (12_300_000, "$12.30"),
            (1_234_567_890, "$1\u{202f}234"),
        ] {
            assert_eq!(usd(micro), says, "{micro}");
        }
        assert_eq!(
            (millis(840), millis(3_250)),
            ("840 ms".into(), "3.2 s".into())
        );
        assert_eq!(millis(240_000), "4 min");
    }

    #[test]
    fn sizes_and_shares_read_well() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
        assert_eq!(percent(1, 4, 999), 25);
        assert_eq!(percent(0, 0, 100), 0);
        assert_eq!(percent(u64::MAX, 1, 999), 999);
        assert_eq!(short_hash("0123456789abcdef"), "0123456789");
        assert_eq!(short_hash("é"), "é");
    }

    #[test]
    fn only_plain_web_addresses_become_links() {
        for good in [
            "https://a.example/x?y#z",
            "http://localhost:8701",
            "HTTPS://A.EXAMPLE",
        ] {
            assert_eq!(web_link(good), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            " https://a",
            "https://",
            "https://good.example@evil.example/",
            "http:///x",
            "https://a b",
            "data:text/html,x",
            "//evil.example",
            "ftp://x",
            "https:\\\\evil",
            "",
            "é",
        ] {
            assert_eq!(web_link(bad), None, "{bad}");
        }
    }

    #[test]
    fn encoding_leaves_nothing_that_splits_a_query() {
        assert_eq!(percent_encode("/a?b=c&d#é"), "%2Fa%3Fb%3Dc%26d%23%C3%A9");
    }
}
