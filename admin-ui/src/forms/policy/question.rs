//! A question to a policy, as it stands in the address: may this agent use this tool?

use domain::policy::Arguments;
use domain::policy::explain::Question;
use domain::policy::tools::ToolPattern;
use domain::problem::FieldError;

/// What can be asked about, as the address and the form name it: key, label, hint.
pub(crate) const PARTS: [(&str, &str, &str); 8] = [
    ("agent", "Agent", "main"),
    ("tool", "Tool", "exec"),
    ("channel", "Channel", "the gateway's own chat"),
    ("group", "Group", "a direct message"),
    ("sender", "Sender", "anybody"),
    ("command", "Command line", "git log"),
    ("path", "File", "notes.md"),
    ("url", "Address", "https://example.com/"),
];

/// A question from its parts.
///
/// # Errors
/// The parts that are not what they should be, by key.
pub(crate) fn read(part: impl Fn(&str) -> String) -> Result<Question, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let text = |key: &str| Some(part(key).trim().to_owned()).filter(|text| !text.is_empty());
    let mut note = |key: &str, right: &str| {
        wrong.push(FieldError::new(key, format!("must be {right}")));
    };
    let agent = text("agent").map(|agent| agent.parse()).transpose();
    let channel = text("channel").map(|channel| channel.parse()).transpose();
    let tool: Result<ToolPattern, _> = text("tool").unwrap_or_default().parse();
    let agent = agent.unwrap_or_else(|right| {
        note("agent", right);
        None
    });
    let channel = channel.unwrap_or_else(|right| {
        note("channel", right);
        None
    });
    if let Err(right) = &tool {
        note("tool", right);
    }
    match tool {
        _ if !wrong.is_empty() => Err(wrong),
        Ok(tool) => Ok(Question {
            agent,
            tool,
            channel,
            group: text("group"),
            sender: text("sender"),
            arguments: Arguments {
                command: text("command"),
                path: text("path"),
                url: text("url"),
            },
        }),
        Err(_) => Err(wrong),
    }
}

/// The question in words.
pub(crate) fn words(question: &Question) -> String {
    let agent = question
        .agent
        .as_ref()
        .map_or("main", |agent| agent.as_str());
    let mut text = format!("May agent {agent} use {}", question.tool.as_str());
    let arguments = &question.arguments;
    let given = [&arguments.command, &arguments.path, &arguments.url];
    for part in given.into_iter().flatten() {
        text.push_str(&format!(" with “{part}”"));
    }
    match &question.channel {
        Some(channel) => text.push_str(&format!(" on {}", channel.as_str())),
        None => text.push_str(" in the gateway's own chat"),
    }
    if let Some(group) = &question.group {
        text.push_str(&format!(", in group {group}"));
    }
    if let Some(sender) = &question.sender {
        text.push_str(&format!(", for sender {sender}"));
    }
    text.push('?');
    text
}

/// The parts of a question for an address.
pub(crate) fn parts(question: &Question) -> Vec<(&'static str, String)> {
    let arguments = &question.arguments;
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    vec![
        ("agent", name(question.agent.as_ref().map(|a| a.as_str()))),
        ("tool", question.tool.as_str().to_owned()),
        (
            "channel",
            name(question.channel.as_ref().map(|c| c.as_str())),
        ),
        ("group", given(&question.group)),
        ("sender", given(&question.sender)),
        ("command", given(&arguments.command)),
        ("path", given(&arguments.path)),
        ("url", given(&arguments.url)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{PARTS, parts, read, words};

    fn asked(pairs: &[(&str, &str)]) -> Result<domain::policy::explain::Question, Vec<String>> {
        let part = |key: &str| {
            let found = pairs.iter().find(|(k, _)| *k == key);
            found.map_or_else(String::new, |(_, v)| (*v).to_owned())
        };
        read(part).map_err(|faults| faults.into_iter().map(|f| f.pointer).collect())
    }

    #[test]
    fn a_question_reads_back_from_its_address() {
        let question = asked(&[
            ("agent", "ops"),
            ("tool", "exec"),
            ("channel", "telegram"),
            ("sender", "99"),
            ("command", "git log"),
        ])
        .expect("a question");
        assert_eq!(
            words(&question),
            "May agent ops use exec with “git log” on telegram, for sender 99?"
        );
        let parts = parts(&question);
        assert_eq!(parts.len(), PARTS.len());
        let again: Vec<_> = parts.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!(asked(&again), Ok(question));
    }

    #[test]
    fn what_is_missing_has_a_meaning_and_what_is_wrong_is_named() {
        let question = asked(&[("tool", "Exec")]).expect("a question");
        assert_eq!(
            words(&question),
            "May agent main use exec in the gateway's own chat?"
        );
        assert_eq!(asked(&[]), Err(vec!["tool".to_owned()]));
        assert_eq!(
            asked(&[("tool", "x y"), ("agent", "-"), ("channel", "a b")]),
            Err(vec![
                "agent".to_owned(),
                "channel".to_owned(),
                "tool".to_owned()
            ])
        );
    }
}
