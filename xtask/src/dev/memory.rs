//! Whether the machine has memory for so many gateways.

/// What a gateway takes: OpenClaw 0.75 to 1.05 GB, its Worker 0.4 GB; in bytes.
const GATEWAY_BYTES: u64 = 1_400_000_000;

/// A sentence for the developer when memory may not do.
#[must_use]
pub(crate) fn warning(gateways: u16) -> Option<String> {
    let available = available(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let needed = u64::from(gateways) * GATEWAY_BYTES;
    (needed > available).then(|| {
        format!(
            "{gateways} gateways need about {:.1} GB of memory and {:.1} GB are free: \
             fewer may run better (--gateways)",
            needed as f64 / 1e9,
            available as f64 / 1e9
        )
    })
}

/// `MemAvailable` of `/proc/meminfo`, in bytes (proc_meminfo(5): the unit is KiB).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_its_unit_understood() {
        let text = "MemTotal:       24689504 kB\nMemFree: 1 kB\nMemAvailable:   24000000 kB\n";
        assert_eq!(available(text), Some(24_576_000_000));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
