//! Where a gateway's objects lie in the bucket.

use domain::state::Digest;

/// Folder of a gateway's manifests. `line` is the Worker's own, never the container's.
pub(crate) fn generations(line: &str) -> String {
    format!("gateways/{line}/generations/")
}

/// A manifest. Ten digits, so that the order of the keys is that of the numbers.
pub(crate) fn generation(line: &str, generation: u64) -> String {
    format!("gateways/{line}/generations/{generation:010}")
}

/// Folder of a gateway's packs and indexes.
pub(crate) fn packs(line: &str) -> String {
    format!("gateways/{line}/packs/")
}

/// A pack or an index.
pub(crate) fn pack(line: &str, key: Digest) -> String {
    format!("gateways/{line}/packs/{key}")
}

/// Folder of what is kept of a generation of another gateway while it is fetched.
pub(crate) fn clones(line: &str) -> String {
    format!("gateways/{line}/clones/")
}

/// A manifest of another gateway, as it was fetched.
pub(crate) fn clone(line: &str, manifest: Digest) -> String {
    format!("gateways/{line}/clones/{manifest}")
}

/// The number of a manifest; none for a key that is none of ours.
pub(crate) fn generation_of(key: &str) -> Option<u64> {
    let name = key.rsplit('/').next()?;
    let digits = name.len() >= 10 && name.bytes().all(|b| b.is_ascii_digit());
    let number = name.parse().ok().filter(|number| *number > 0)?;
    (digits && format!("{number:010}") == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_numbers_do() {
        let keys = [1, 9, 10, 4_294_967_296].map(|number| generation("a", number));
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys[0], "gateways/a/generations/0000000001");
        assert_eq!(
            keys.map(|key| generation_of(&key)),
            [1, 9, 10, 4_294_967_296].map(Some)
        );
    }

    #[test]
    fn other_keys_are_no_generations() {
        for key in [
            "",
            "x",
            "1",
            "0000000000",
            "00000000001",
            "000000000x",
            "+000000001",
        ] {
            assert_eq!(generation_of(key), None, "{key}");
        }
    }
}
