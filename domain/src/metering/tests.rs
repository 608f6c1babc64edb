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

fn read(operation: Operation, framing: Framing, chunks: &[&[u8]]) -> Reading {
    let mut meter = Meter::new(operation, framing);
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
            ..Usage::default()
        },
        source: Source::Reported,
    }
}

fn cached_messages() -> Reading {
    let usage = Usage {
        cached_input_tokens: 200,
        cache_write_tokens: 3,
        ..reported(213, 77).usage
    };
    Reading {
        usage,
        source: Source::Reported,
    }
}

#[test]
fn a_response_reports_its_usage_with_its_kinds() {
    let stream = concat!(
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":75,",
        "\"input_tokens_details\":{\"cached_tokens\":32},\"output_tokens\":1186,",
        "\"output_tokens_details\":{\"reasoning_tokens\":1024},\"total_tokens\":1261}}}\n\n",
    );
    let reading = read(Operation::Responses, Framing::Events, &[stream.as_bytes()]);
    let usage = Usage {
        cached_input_tokens: 32,
        reasoning_tokens: 1_024,
        ..reported(75, 1_186).usage
    };
    assert_eq!(
        reading,
        Reading {
            usage,
            source: Source::Reported
        }
    );
    let cut = stream
        .split("event: response.completed")
        .next()
        .unwrap_or_default();
    let reading = read(Operation::Responses, Framing::Events, &[cut.as_bytes()]);
    assert_eq!(
        (reading.usage.output_tokens, reading.source),
        (2, Source::Estimated)
    );
}

#[test]
fn embeddings_make_no_output() {
    let body = json!({"data": [{"embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 8, "total_tokens": 8}});
    let body = body.to_string();
    let reading = read(Operation::Embeddings, Framing::Document, &[body.as_bytes()]);
    assert_eq!(reading, reported(8, 0));
    let reading = read(Operation::Embeddings, Framing::Document, &[b"<busy>"]);
    assert_eq!(
        (reading.usage.total(), reading.source),
        (100, Source::Estimated)
    );
}

#[test]
fn cached_tokens_of_chat_completions_are_told_apart() {
    let body = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 900}, "completion_tokens_details": {"reasoning_tokens": 5}}});
    let body = body.to_string();
    let reading = read(
        Operation::ChatCompletions,
        Framing::Document,
        &[body.as_bytes()],
    );
    let usage = Usage {
        cached_input_tokens: 100,
        reasoning_tokens: 5,
        ..reported(100, 9).usage
    };
    assert_eq!(
        reading,
        Reading {
            usage,
            source: Source::Reported
        },
        "never more cached than there was"
    );
}

#[test]
fn the_output_is_limited_in_the_provider_s_own_field() {
    let limited = |operation, body: Value| {
        let mut request = read_request(operation, body.to_string().as_bytes()).expect("readable");
        request.limit_output(100);
        request.body
    };
    let chat = |body| limited(Operation::ChatCompletions, body);
    assert_eq!(
        chat(json!({"model": "m"}))["max_completion_tokens"],
        json!(100)
    );
    assert_eq!(
        chat(json!({"model": "m", "max_tokens": 500})),
        json!({"model": "m", "max_tokens": 100})
    );
    assert_eq!(
        chat(json!({"model": "m", "max_tokens": 5}))["max_tokens"],
        json!(5)
    );
    let both = chat(json!({"model": "m", "max_tokens": 500, "max_completion_tokens": 400}));
    assert_eq!(
        (&both["max_tokens"], &both["max_completion_tokens"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(
        limited(Operation::Responses, json!({"model": "m"}))["max_output_tokens"],
        json!(100)
    );
    assert_eq!(
        limited(Operation::Embeddings, json!({"model": "m"})),
        json!({"model": "m"})
    );
    let messages = limited(
        Operation::Messages,
        json!({"model": "m", "max_tokens": 9_000, "thinking": {"type": "enabled", "budget_tokens": 4_000}}),
    );
    assert_eq!(messages["thinking"], json!({"type": "disabled"}));
    let body = json!({"model": "m", "max_tokens": 9_000, "thinking": {"type": "enabled", "budget_tokens": 8_000}});
    let mut request =
        read_request(Operation::Messages, body.to_string().as_bytes()).expect("readable");
    request.limit_output(5_000);
    assert_eq!(request.body["thinking"]["budget_tokens"], json!(4_999));
}

#[test]
fn an_operation_is_found_by_its_path() {
    for operation in Operation::ALL {
        assert_eq!(
            Operation::find(operation.dialect(), operation.path()),
            Some(operation)
        );
    }
    assert_eq!(Operation::find(Dialect::Anthropic, "/v1/responses"), None);
    assert_eq!(Operation::find(Dialect::Openai, "/v1/models"), None);
}

#[test]
fn an_openai_stream_reports_its_usage() {
    let reading = read(
        Operation::ChatCompletions,
        Framing::Events,
        &[OPENAI.as_bytes()],
    );
    assert_eq!(reading, reported(12, 34));
}

#[test]
fn an_anthropic_stream_counts_cached_input_and_the_last_output() {
    let reading = read(
        Operation::Messages,
        Framing::Events,
        &[ANTHROPIC.as_bytes()],
    );
    assert_eq!(reading, cached_messages());
}

#[test]
fn one_document_reports_its_usage() {
    let body = json!({"choices": [{"message": {"content": "hi"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6}});
    let reading = read(
        Operation::ChatCompletions,
        Framing::Document,
        &[body.to_string().as_bytes()],
    );
    assert_eq!(reading, reported(5, 6));
    let body = json!({"type": "message", "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 7, "output_tokens": 8}});
    let reading = read(
        Operation::Messages,
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
    let reading = read(
        Operation::ChatCompletions,
        Framing::Events,
        &[cut.as_bytes()],
    );
    // "assistant" + "Hel" + "lo" are 14 bytes.
    let usage = Usage {
        input_tokens: 100,
        output_tokens: 4,
        ..Usage::default()
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
    let reading = read(Operation::Messages, Framing::Events, &[cut.as_bytes()]);
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
            let reading = read(Operation::ChatCompletions, framing, &[garbage]);
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
            Operation::ChatCompletions,
            Framing::Document,
            &[body.to_string().as_bytes()],
        );
        let usage = Usage {
            input_tokens: 100,
            output_tokens: 2,
            ..Usage::default()
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
    let mut meter = Meter::new(Operation::ChatCompletions, Framing::Events);
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
        read(
            Operation::ChatCompletions,
            Framing::Events,
            &[stream.as_bytes()]
        ),
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
        let read = read_request(Operation::ChatCompletions, body.to_string().as_bytes())
            .expect("readable");
        assert_eq!(read.body["stream_options"]["include_usage"], json!(true));
    }
    let body = json!({"model": "m", "stream": true, "max_tokens": 5});
    let read = read_request(Operation::Messages, body.to_string().as_bytes()).expect("readable");
    assert_eq!(read.body, body);
    assert_eq!(read.max_output_tokens, Some(5));
}

#[test]
fn requests_that_cannot_be_metered_are_refused() {
    let error =
        |body: &str| read_request(Operation::ChatCompletions, body.as_bytes()).expect_err(body);
    assert_eq!(error("[]"), RequestError::NotAnObject);
    assert_eq!(error("{"), RequestError::NotAnObject);
    assert_eq!(error("{}"), RequestError::NoModel);
    assert_eq!(error(r#"{"model":3}"#), RequestError::NoModel);
    assert_eq!(error(r#"{"model":"m","n":4}"#), RequestError::ManyAnswers);
    assert_eq!(
        error(r#"{"model":"m","background":true}"#),
        RequestError::Background
    );
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
            (Operation::ChatCompletions, OPENAI, reported(12, 34)),
            (Operation::Messages, ANTHROPIC, cached_messages()),
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
            for dialect in [Operation::ChatCompletions, Operation::Messages] {
                let reading = read(dialect, framing, &[&bytes]);
                assert!(reading.usage.total() > 0);
            }
        }
    }
}
