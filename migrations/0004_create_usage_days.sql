-- What gateways used, by day in UTC: sums of the hours that they report once these
-- are over. Hours of a gateway arrive in order; one that is not after `through_hour`
-- was added before, so a heartbeat that is sent again adds nothing.
CREATE TABLE usage_days (
    day TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    through_hour TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_input_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_micro_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    PRIMARY KEY (day, gateway_id)
) STRICT, WITHOUT ROWID;
