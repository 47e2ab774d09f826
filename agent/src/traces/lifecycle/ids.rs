//! Ids which are the same whenever the same thing is told: after a retry, after a restart of the agent.
//!
//! They are cut from SHA-256: uniform, as samplers that look at the bits of a trace id want them, and of ids of containers, which are random
//! themselves: no two hosts come to the same.

use ring::digest::{Context, SHA256};

use super::at::At;

/// 16 bytes, not all zero.
pub(super) type TraceId = [u8; 16];
/// 8 bytes, not all zero.
pub(super) type SpanId = [u8; 8];

/// A span somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

/// The id of a trace: host, kind, project, container, and when what it tells of began (`None` for a creation, which is once).
pub(super) fn trace(host: &str, kind: &str, project: &str, container: &str, began: Option<At>) -> TraceId {
    let began = began.map_or([0; 8], |at| at.0.to_be_bytes());
    id(&[b"trace", host.as_bytes(), kind.as_bytes(), project.as_bytes(), container.as_bytes(), &began])
}

/// The id of a span: its trace, its container, what it is, and when that began.
pub(super) fn span(trace: &TraceId, container: &str, phase: &str, began: Option<At>) -> SpanId {
    let began = began.map_or([0; 8], |at| at.0.to_be_bytes());
    id(&[b"span", trace, container.as_bytes(), phase.as_bytes(), &began])
}

fn id<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        // With its length before it: "ab", "c" is not "a", "bc".
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    let id = digest.as_ref().first_chunk().copied().unwrap_or([1; N]);
    // All zero is no id. Once in 2^64.
    if id == [0; N] { [1; N] } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_the_same_and_differ_by_each_part() {
        let base = trace("h", "start", "shop", "c1", Some(At(5)));
        // Written down: what was told by one version is told again by the next.
        assert_eq!(base, trace("h", "start", "shop", "c1", Some(At(5))));
        let others = [
            trace("i", "start", "shop", "c1", Some(At(5))),
            trace("h", "stop", "shop", "c1", Some(At(5))),
            trace("h", "start", "shopc", "1", Some(At(5))),
            trace("h", "start", "shop", "c1", Some(At(6))),
            trace("h", "start", "shop", "c1", None),
        ];
        let mut all: Vec<_> = others.into_iter().chain([base]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 6);
        assert_ne!(span(&base, "c1", "create", None), span(&base, "c1", "start", None));
    }

    #[test]
    fn ids_are_uniform_in_the_bits_samplers_look_at() {
        let ones: u32 = (0..4096_u32)
            .map(|n| trace("h", "start", "shop", &n.to_string(), None))
            .map(|id| id.iter().skip(9).map(|byte| byte.count_ones()).sum::<u32>())
            .sum();
        let mean = f64::from(ones) / 4096.0 / 56.0;
        assert!((0.49..0.51).contains(&mean), "{mean}");
    }
}
