use super::*;
use proptest::prelude::{any, prop, proptest};
use serde_json::json;

const OPENAI: &str = concat!(
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}}\n\n",
    "data: [DONE]\n\n",
);

const ANTHROPIC: &str = concat!(
    "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,",
    "\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":200,\"output_tokens\":1}}}\r\n\r\n",
    "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",",
    "\"text\":\"0123456789012345678901234567890123456789\"}}\r\n\r\n",
    "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},",
    "\"usage\":{\"output_tokens\":77}}\r\n\r\n",
);

fn read(dialect: Dialect, framing: Framing, chunks: &[&[u8]]) -> Reading {
    let mut meter = Meter::new(dialect, framing);
    for chunk in chunks {
        meter.push(chunk);
    }
    meter.finish(400)
}

fn reported(input_tokens: u64, output_tokens: u64) -> Reading {
    Reading {
        usage: Usage {
            input_tokens,
            output_tokens,
        },
        source: Source::Reported,
    }
}

#[test]
fn an_openai_stream_reports_its_usage() {
    let reading = read(Dialect::Openai, Framing::Events, &[OPENAI.as_bytes()]);
    assert_eq!(reading, reported(12, 34));
}

#[test]
fn an_anthropic_stream_counts_cached_input_and_the_last_output() {
    let reading = read(Dialect::Anthropic, Framing::Events, &[ANTHROPIC.as_bytes()]);
    assert_eq!(reading, reported(213, 77));
}

#[test]
fn one_document_reports_its_usage() {
    let body = json!({"choices": [{"message": {"content": "hi"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6}});
    let reading = read(
        Dialect::Openai,
        Framing::Document,
        &[body.to_string().as_bytes()],
    );
    assert_eq!(reading, reported(5, 6));
    let body = json!({"type": "message", "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 7, "output_tokens": 8}});
    let reading = read(
        Dialect::Anthropic,
        Framing::Document,
        &[body.to_string().as_bytes()],
    );
    assert_eq!(reading, reported(7, 8));
}

#[test]
fn a_stream_cut_before_its_usage_is_estimated() {
    let cut = OPENAI
        .split("data: {\"choices\":[],")
        .next()
        .unwrap_or_default();
    let reading = read(Dialect::Openai, Framing::Events, &[cut.as_bytes()]);
    // "assistant" + "Hel" + "lo" are 14 bytes.
    let usage = Usage {
        input_tokens: 100,
        output_tokens: 4,
    };
    assert_eq!(
        reading,
        Reading {
            usage,
            source: Source::Estimated
        }
    );
}

#[test]
fn an_anthropic_stream_cut_short_does_not_count_as_one_token() {
    let cut = ANTHROPIC
        .split("event: message_delta")
        .next()
        .unwrap_or_default();
    let reading = read(Dialect::Anthropic, Framing::Events, &[cut.as_bytes()]);
    assert_eq!(reading.usage.input_tokens, 213);
    assert!(reading.usage.output_tokens >= 10, "{reading:?}");
    assert_eq!(reading.source, Source::Estimated);
}

#[test]
fn an_answer_that_nobody_understands_is_never_free() {
    for garbage in [
        b"<html>busy</html>".as_slice(),
        b"{\"usage\":[]}",
        b"\xff\xfe\x00",
        b"{",
    ] {
        for framing in [Framing::Events, Framing::Document] {
            let reading = read(Dialect::Openai, framing, &[garbage]);
            assert_eq!(reading.source, Source::Estimated);
            assert!(reading.usage.output_tokens > 0 && reading.usage.input_tokens > 0);
        }
    }
}

#[test]
fn missing_negative_and_absurd_counts_are_not_believed() {
    for count in [
        json!(-5),
        json!(1.5),
        json!("9"),
        json!(null),
        json!(1e300),
        json!(u64::MAX),
    ] {
        let body = json!({"choices": [{"message": {"content": "abcdefgh"}}],
            "usage": {"prompt_tokens": count, "completion_tokens": count}});
        let reading = read(
            Dialect::Openai,
            Framing::Document,
            &[body.to_string().as_bytes()],
        );
        let usage = Usage {
            input_tokens: 100,
            output_tokens: 2,
        };
        assert_eq!(
            reading,
            Reading {
                usage,
                source: Source::Estimated
            },
            "{count}"
        );
    }
}

#[test]
fn an_endless_line_is_not_kept() {
    let mut meter = Meter::new(Dialect::Openai, Framing::Events);
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..8 {
        meter.push(&chunk);
    }
    meter.push(b"\n\n");
    meter.push(OPENAI.as_bytes());
    assert_eq!(meter.finish(0), reported(12, 34));
}

#[test]
fn a_repeated_count_takes_the_highest() {
    let stream = concat!(
        "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":9}}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
    );
    assert_eq!(
        read(Dialect::Openai, Framing::Events, &[stream.as_bytes()]),
        reported(3, 9)
    );
}

#[test]
fn framing_follows_the_content_type() {
    assert_eq!(
        Framing::from_content_type("Text/Event-Stream; charset=utf-8"),
        Framing::Events
    );
    assert_eq!(
        Framing::from_content_type("application/json"),
        Framing::Document
    );
}

#[test]
fn a_stream_is_made_to_report_usage() {
    for body in [
        json!({"model": "m", "stream": true}),
        json!({"model": "m", "stream": true, "stream_options": {"include_usage": false}}),
        json!({"model": "m", "stream": true, "stream_options": null}),
    ] {
        let read = read_request(Dialect::Openai, body.to_string().as_bytes()).expect("readable");
        assert_eq!(read.body["stream_options"]["include_usage"], json!(true));
    }
    let body = json!({"model": "m", "stream": true, "max_tokens": 5});
    let read = read_request(Dialect::Anthropic, body.to_string().as_bytes()).expect("readable");
    assert_eq!(read.body, body);
    assert_eq!(read.max_output_tokens, Some(5));
}

#[test]
fn requests_that_cannot_be_metered_are_refused() {
    let error = |body: &str| read_request(Dialect::Openai, body.as_bytes()).expect_err(body);
    assert_eq!(error("[]"), RequestError::NotAnObject);
    assert_eq!(error("{"), RequestError::NotAnObject);
    assert_eq!(error("{}"), RequestError::NoModel);
    assert_eq!(error(r#"{"model":3}"#), RequestError::NoModel);
    assert_eq!(error(r#"{"model":"m","n":4}"#), RequestError::ManyAnswers);
    for limit in ["-1", "0", "1.5", "\"9\"", "1e30"] {
        let body = format!(r#"{{"model":"m","max_completion_tokens":{limit}}}"#);
        assert_eq!(
            error(&body),
            RequestError::OutputLimit("max_completion_tokens")
        );
    }
}

#[test]
fn errors_speak_each_providers_own_shape() {
    insta::assert_json_snapshot!(Dialect::Openai.error(ErrorKind::Budget, "m"), @r#"
    {
      "error": {
        "code": "daily_budget_exhausted",
        "message": "m",
        "param": null,
        "type": "rate_limit_error"
      }
    }
    "#);
    insta::assert_json_snapshot!(Dialect::Anthropic.error(ErrorKind::Budget, "m"), @r#"
    {
      "error": {
        "message": "m",
        "type": "rate_limit_error"
      },
      "type": "error"
    }
    "#);
}

proptest! {
    /// Where a stream is cut makes no difference to what it says.
    #[test]
    fn cuts_change_nothing(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        for (dialect, stream, whole) in [
            (Dialect::Openai, OPENAI, reported(12, 34)),
            (Dialect::Anthropic, ANTHROPIC, reported(213, 77)),
        ] {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
            at.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in at {
                chunks.push(&stream.as_bytes()[from..cut]);
                from = cut;
            }
            chunks.push(&stream.as_bytes()[from..]);
            assert_eq!(read(dialect, Framing::Events, &chunks), whole);
        }
    }

    /// No bytes make a meter fail, and none are free.
    #[test]
    fn any_bytes_can_be_metered(bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        for framing in [Framing::Events, Framing::Document] {
            for dialect in [Dialect::Openai, Dialect::Anthropic] {
                let reading = read(dialect, framing, &[&bytes]);
                assert!(reading.usage.total() > 0);
            }
        }
    }
}
