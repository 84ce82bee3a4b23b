//! Bars as SVG, and numbers for people.

use std::fmt::Write as _;

/// Width of a chart in its own units; a page scales it.
const WIDTH: f64 = 640.0;
/// Room to the right of the bars for their figures.
const FIGURE_WIDTH: f64 = 110.0;
/// Height of a bar with its label above.
const ROW_HEIGHT: f64 = 42.0;
/// Where in a row the label stands, and where the bar begins and how high it is.
const LABEL_AT: f64 = 14.0;
const BAR_AT: f64 = 20.0;
const BAR_HEIGHT: f64 = 14.0;

/// One bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// What it is of.
    pub(super) label: String,
    /// Its length.
    pub(super) value: f64,
    /// Smallest and largest measurement.
    pub(super) range: Option<(f64, f64)>,
    /// A place to compare it with.
    pub(super) mark: Option<f64>,
}

/// Bars below each other, all to the same scale, which begins at zero.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    let reach = |bar: &Bar| {
        let largest = bar.range.map_or(bar.value, |(_, max)| max);
        largest.max(bar.mark.unwrap_or(0.0))
    };
    let most = bars.iter().map(reach).fold(f64::MIN_POSITIVE, f64::max);
    let place = |value: f64| value / most * (WIDTH - FIGURE_WIDTH);
    let height = ROW_HEIGHT * bars.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(title)
    );
    for (number, bar) in bars.iter().enumerate() {
        let top = ROW_HEIGHT * number as f64;
        let (middle, end) = (top + BAR_AT + BAR_HEIGHT / 2.0, place(bar.value));
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{:.1}\">{}</text>\
             <rect x=\"0\" y=\"{:.1}\" width=\"{end:.1}\" height=\"{BAR_HEIGHT}\"/>",
            top + LABEL_AT,
            escape(&bar.label),
            top + BAR_AT
        );
        if let Some((min, max)) = bar.range {
            let (from, to) = (place(min), place(max));
            let _ = write!(svg, "<path class=\"range\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>");
        }
        if let Some(mark) = bar.mark {
            let (x, from) = (place(mark), top + BAR_AT - 2.0);
            let _ = write!(
                svg,
                "<path class=\"mark\" d=\"M{x:.1} {from:.1}v{:.1}\"/>",
                BAR_HEIGHT + 4.0
            );
        }
        let _ = write!(
            svg,
            "<text class=\"figure\" x=\"{WIDTH}\" y=\"{:.1}\">{}</text>",
            middle + 5.0,
            figure(bar.value)
        );
    }
    svg + "</svg>"
}

/// A number with as many digits as it is worth, its thousands apart.
pub(super) fn figure(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    grouped(&format!("{value:.0}"))
}

/// A number of things.
pub(super) fn counted(count: usize, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", grouped(&count.to_string()))
}

/// Digits with their thousands apart.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Text as it stands in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_grouped() {
        let figures = [0.123, 9.5, 42.0, 999.6, 12_345.0, 1_234_567.0].map(figure);
        assert_eq!(figures, ["0.12", "9.50", "42.0", "1,000", "12,345", "1,234,567"]);
        assert_eq!([1, 2_000].map(|count| counted(count, "thread")), ["1 thread", "2,000 threads"]);
    }

    #[test]
    fn bars_share_a_scale_and_text_is_escaped() {
        let bar =
            |label: &str, value| Bar { label: label.to_owned(), value, range: None, mark: None };
        let svg = bars("a & b", &[bar("<one>", 50.0), bar("two", 100.0)]);
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;one&gt;"));
        assert!(svg.contains("width=\"265.0\"") && svg.contains("width=\"530.0\""));
        assert!(!svg.contains("NaN") && !bars("none", &[bar("zero", 0.0)]).contains("NaN"));
    }
}
