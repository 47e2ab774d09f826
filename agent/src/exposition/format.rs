//! Which text format a client gets: the `Accept` header, read leniently.
//!
//! A scraper that is refused (406) loses its whole target, so nothing is ever refused: whatever cannot be understood gets
//! the classic format, which every Prometheus reads.

/// A text format of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus text format 0.0.4.
    Text,
}

impl Format {
    /// Value of the `Content-Type` header. Prometheus 3 refuses a body without one, and every version refuses an
    /// OpenMetrics body under the name of the other format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Chooses by the `Accept` header: OpenMetrics when it is named, in a version we speak, and no less welcome than the
/// classic format. A wildcard is not a request for OpenMetrics: curl and browsers send it and show plain text best.
pub fn negotiate(accept: Option<&str>) -> Format {
    let mut openmetrics = 0;
    let mut text = 0;
    for range in accept.unwrap_or_default().split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut quality = FULL_QUALITY;
        let mut version = None;
        for (key, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                key if key.eq_ignore_ascii_case("q") => quality = parse_quality(value),
                key if key.eq_ignore_ascii_case("version") => version = Some(value),
                // `escaping=` and `charset=` change nothing: all our names are plain ASCII and all text is UTF-8.
                _ => {}
            }
        }
        if media.eq_ignore_ascii_case("application/openmetrics-text") && matches!(version, None | Some("1.0.0")) {
            openmetrics = openmetrics.max(quality);
        } else if TEXT_RANGES.iter().any(|range| media.eq_ignore_ascii_case(range)) {
            text = text.max(quality);
        }
    }
    if openmetrics > 0 && openmetrics >= text { Format::OpenMetrics } else { Format::Text }
}

/// Media ranges the classic format answers, whatever version they ask for: 0.0.4 is a subset of all of them.
const TEXT_RANGES: [&str; 3] = ["text/plain", "text/*", "*/*"];

/// A quality of 1 in thousandths, the finest step HTTP allows.
const FULL_QUALITY: u16 = 1000;

/// Reads a quality between 0 and 1; what is none counts as 0, like every range that cannot be read.
fn parse_quality(value: &str) -> u16 {
    match value.parse::<f32>() {
        Ok(quality) if (0.0..=1.0).contains(&quality) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000 by the guard above")]
            let thousandths = (quality * f32::from(FULL_QUALITY)).round() as u16;
            thousandths
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chooses_what_the_client_prefers() {
        use Format::{OpenMetrics, Text};
        // Prometheus 2.42, 2.55 and 3.5 as they send it, then people and the odd ones.
        let cases = [
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.3",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5", Text),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Text),
            ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5", Text),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.5", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.2", OpenMetrics),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;version=1.0.0;q=0, */*", Text),
            ("application/openmetrics-text;q=banana", Text),
            ("application/openmetrics-text;q=-1", Text),
            ("application/openmetrics-text;q=NaN", Text),
            ("application/openmetrics-text;q=7", Text),
            ("*/*", Text),
            ("application/*", Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            ("", Text),
            (";;;,,,=;q", Text),
            ("\u{fffd}\u{0}", Text),
        ];
        for (accept, expected) in cases {
            assert_eq!(negotiate(Some(accept)), expected, "{accept}");
        }
        assert_eq!(negotiate(None), Text);
    }

    proptest! {
        #[test]
        fn never_panics_and_needs_the_name(accept in "\\PC{0,200}") {
            let format = negotiate(Some(&accept));
            prop_assert!(format == Format::Text || accept.to_ascii_lowercase().contains("openmetrics-text"));
        }
    }
}
