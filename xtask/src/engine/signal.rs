//! Signal names as Docker's API takes them.

use rustix::process::Signal;

const NAMES: [(&str, Signal); 21] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::ILL),
    ("TRAP", Signal::TRAP),
    ("ABRT", Signal::ABORT),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::SEGV),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("CHLD", Signal::CHILD),
    ("CONT", Signal::CONT),
    ("STOP", Signal::STOP),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("WINCH", Signal::WINCH),
];

/// Reads `SIGHUP`, `HUP` or `1`, in any case.
pub(crate) fn parse(text: &str) -> Option<Signal> {
    if let Ok(number) = text.parse::<i32>() {
        return Signal::from_named_raw(number);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, signal)| *signal)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use rustix::process::Signal;

    #[test]
    fn names_and_numbers_are_understood() {
        for text in ["SIGHUP", "hup", "1"] {
            assert_eq!(parse(text), Some(Signal::HUP), "{text}");
        }
        assert_eq!(parse("9"), Some(Signal::KILL));
        for text in ["", "0", "SIGNOPE", "-9", "999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
