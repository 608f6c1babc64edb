use super::*;

fn table() -> PriceTable {
    PriceTable::built_in().expect("the table")
}

fn usage(input: u64, cached: u64, written: u64, output: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cached_input_tokens: cached,
        cache_write_tokens: written,
        reasoning_tokens: 0,
    }
}

#[test]
fn the_built_in_table_makes_sense() {
    let table = table();
    for (model, price) in &table.models {
        assert_eq!(price.check(model), Ok(()), "{model}");
        assert!(
            model.starts_with("openai/") || model.starts_with("anthropic/"),
            "{model}"
        );
        assert!(price.cached_input.unwrap_or(0) <= price.input, "{model}");
    }
}

#[test]
fn each_kind_has_its_price() {
    let price = table()
        .price("anthropic", "claude-sonnet-4-5-20250929")
        .expect("a price");
    // 1,000 fresh, 2,000 read, 3,000 written, 500 out.
    let cost = price.cost(usage(6_000, 2_000, 3_000, 500));
    assert_eq!(cost, 3_000 + 600 + 11_250 + 7_500);
}

#[test]
fn a_cost_is_rounded_up_and_never_nothing() {
    let price = Price {
        input: 1,
        cached_input: None,
        cache_write: None,
        output: 1,
    };
    assert_eq!(price.cost(usage(1, 0, 0, 0)), 1);
    assert_eq!(price.cost(usage(0, 0, 0, 0)), 0);
    assert_eq!(
        price.cost(usage(10, u64::MAX, u64::MAX, 0)),
        1,
        "more cached than there was"
    );
    let dear = Price {
        input: MAX_PRICE,
        output: MAX_PRICE,
        ..Price::default()
    };
    assert_eq!(dear.cost(usage(u64::MAX, 0, 0, u64::MAX)), u64::MAX);
}

#[test]
fn dates_are_left_out_of_ids() {
    let table = table();
    for id in ["gpt-4o", "gpt-4o-2024-08-06"] {
        assert!(table.price("openai", id).is_some(), "{id}");
    }
    for id in [
        "gpt-4o-2024",
        "gpt-4o-latest",
        "gpt-9",
        "",
        "-20240101",
        "gpt-4o-2024-8-6",
    ] {
        assert!(table.price("openai", id).is_none(), "{id}");
    }
    assert!(table.price("anthropic", "gpt-4o").is_none());
}

#[test]
fn a_deployment_s_prices_come_first_and_make_sense() {
    let own =
        r#"{"openai/gpt-4o": {"input": 1, "output": 2}, "openai/own": {"input": 3, "output": 4}}"#;
    let table = table().with_overrides(own).expect("readable");
    assert_eq!(
        table.price("openai", "gpt-4o").map(|price| price.output),
        Some(2)
    );
    assert_eq!(
        table.price("openai", "own").map(|price| price.input),
        Some(3)
    );
    for wrong in [
        "[]",
        r#"{"a/b": {"input": -1, "output": 2}}"#,
        r#"{"a/b": {"input": 1.5, "output": 2}}"#,
        r#"{"a/b": {"input": 1}}"#,
        r#"{"a/b": {"input": 0, "output": 0}}"#,
        r#"{"a/b": {"input": 1, "output": 99999999999}}"#,
        r#"{"a/b": {"input": 1, "output": 1, "typo": 1}}"#,
    ] {
        let table = PriceTable::built_in().expect("the table");
        assert!(table.with_overrides(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_output_that_money_is_enough_for_is_not_too_much() {
    let price = Price {
        input: 3_000_000,
        output: 15_000_000,
        ..Price::default()
    };
    for free in [0, 1, 14, 15, 16, 1_000_000] {
        let tokens = price.output_for(Unit::MicroUsd, free);
        assert!(price.most(Unit::MicroUsd, 0, tokens) <= free, "{free}");
    }
}
