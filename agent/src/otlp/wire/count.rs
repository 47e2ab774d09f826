//! How much a request carries, in the unit in which partial successes count.

use super::{Fields, Malformed, groups};
use crate::otlp::Signal;

/// Fields of a `Metric` in which its data points stand: gauge, sum, histogram, exponential histogram, summary. In all of them field 1.
const DATA: [u32; 5] = [5, 7, 9, 10, 11];

/// Spans, data points or log records of a request.
///
/// # Errors
/// It is no request as far as this had to look: spans and log records are counted unread.
pub fn count(signal: Signal, request: &[u8]) -> Result<u64, Malformed> {
    let mut all = 0;
    for group in groups(request) {
        for scope in group?.scopes() {
            for record in scope?.records() {
                let record = record?;
                all += if signal == Signal::Metrics { data_points(record)? } else { 1 };
            }
        }
    }
    Ok(all)
}

fn data_points(metric: &[u8]) -> Result<u64, Malformed> {
    let mut points = 0;
    for field in Fields::new(metric) {
        let field = field?;
        if DATA.contains(&field.number) {
            for point in Fields::new(field.bytes()?) {
                points += u64::from(point?.number == 1);
            }
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::{super::Writer, *};

    #[test]
    fn spans_are_counted_one_by_one_and_metrics_by_their_points() {
        let mut writer = Writer::new();
        for scopes in [0, 1, 2] {
            writer.message(1, |group| {
                for _ in 0..scopes {
                    group.message(2, |scope| {
                        scope.message(1, |scope| scope.string(1, "not counted"));
                        for kind in DATA {
                            scope.message(2, |metric| {
                                metric.string(1, "name");
                                metric.message(kind, |data| {
                                    data.message(1, |_| ());
                                    data.varint(2, 1);
                                    data.message(1, |_| ());
                                });
                            });
                        }
                    });
                }
            });
        }
        let request = writer.into_bytes();
        assert_eq!(count(Signal::Traces, &request), Ok(15));
        assert_eq!(count(Signal::Logs, &request), Ok(15));
        assert_eq!(count(Signal::Metrics, &request), Ok(30));
        assert_eq!(count(Signal::Metrics, &[]), Ok(0));
        assert_eq!(count(Signal::Traces, &[0x0a, 2, 0x12]), Err(Malformed::Length));
        assert_eq!(count(Signal::Traces, &[0x08, 2]), Err(Malformed::WireType));
    }
}
