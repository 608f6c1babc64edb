//! A small bar chart; the table beside it says the same.

use leptos::prelude::*;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Under it.
    pub(crate) label: String,
    /// Its height.
    pub(crate) value: u64,
    /// What its tooltip says.
    pub(crate) title: String,
}

/// Where one bar stands, in the chart's own units.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// Left edge.
    pub(crate) x: f64,
    /// Top edge.
    pub(crate) y: f64,
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
}

/// Width of the chart.
const WIDTH: f64 = 600.0;
/// Height of the part with bars.
const HEIGHT: f64 = 120.0;

/// Places bars side by side, scaled so that the largest value, or `limit` when
/// that is larger, fills the height.
pub(crate) fn place(values: &[u64], limit: Option<u64>) -> Vec<Placed> {
    let top = scale(values, limit);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a chart needs no more than 52 bits"
    )]
    let (slot, height) = (WIDTH / values.len().max(1) as f64, |v: u64| {
        HEIGHT * v as f64 / top as f64
    });
    let width = (slot * 0.7).min(48.0);
    let mut left = 0.0;
    values
        .iter()
        .map(|value| {
            let height = height(*value);
            let x = left + (slot - width) / 2.0;
            left += slot;
            Placed {
                x,
                y: HEIGHT - height,
                width,
                height,
            }
        })
        .collect()
}

fn scale(values: &[u64], limit: Option<u64>) -> u64 {
    values
        .iter()
        .copied()
        .chain(limit)
        .max()
        .unwrap_or(1)
        .max(1)
}

/// The chart, with a dashed line at `limit`.
pub(crate) fn chart(bars: &[Bar], limit: Option<u64>, label: String) -> AnyView {
    let values: Vec<u64> = bars.iter().map(|bar| bar.value).collect();
    let drawn = bars
        .iter()
        .zip(place(&values, limit))
        .map(|(bar, at)| {
            let middle = at.x + at.width / 2.0;
            view! {
                <g>
                    <rect class="bar" x=at.x y=at.y width=at.width height=at.height rx="2">
                        <title>{bar.title.clone()}</title>
                    </rect>
                    <text class="bar-label" x=middle y="136" text-anchor="middle">{bar.label.clone()}</text>
                </g>
            }
        })
        .collect::<Vec<_>>();
    let line = limit.map(|limit| {
        let at = place(&[limit], Some(scale(&values, Some(limit))))
            .first()
            .map_or(0.0, |p| p.y);
        view! { <line class="bar-limit" x1="0" x2="600" y1=at y2=at></line> }
    });
    view! {
        <svg class="bars" viewBox="0 -4 600 146" role="img" aria-label=label>
            <line class="bar-axis" x1="0" x2="600" y1="120" y2="120"></line>
            {drawn}
            {line}
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn the_largest_value_fills_the_height_and_none_leaves_the_chart() {
        let placed = place(&[0, 50, 100], None);
        assert!((placed[2].height - 120.0).abs() < 1e-9 && placed[2].y.abs() < 1e-9);
        assert!((placed[1].height - 60.0).abs() < 1e-9);
        assert!(placed[0].height.abs() < 1e-9);
        assert!(placed.iter().all(|p| p.x >= 0.0 && p.x + p.width <= 600.0));
    }

    #[test]
    fn a_limit_above_every_value_sets_the_scale() {
        assert!((place(&[50], Some(200))[0].height - 30.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_draw_draws_nothing() {
        assert!(place(&[], None).is_empty());
        assert!(place(&[0], None)[0].height.abs() < 1e-9);
    }
}
