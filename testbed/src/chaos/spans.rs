//! When something was so. A write takes time, and who reads meanwhile may see what was before it or what is after it: so each change
//! has two times, before the write and after it.

/// Milliseconds since 1970.
pub(super) type Time = u64;

/// Before a write, and after it.
pub(super) type Write = (Time, Time);

#[derive(Debug, Clone, Copy)]
struct Span {
    begun: Write,
    /// None while it lasts.
    ended: Option<Write>,
}

/// Every stretch of time in which something was so, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    /// It is so from this write on, if it was not so already.
    pub(super) fn begin(&mut self, write: Write) {
        if self.0.last().is_none_or(|last| last.ended.is_some()) {
            self.0.push(Span { begun: write, ended: None });
        }
    }

    /// It is so no longer, if it was.
    pub(super) fn end(&mut self, write: Write) {
        if let Some(last) = self.0.last_mut() {
            last.ended.get_or_insert(write);
        }
    }

    /// Whether it was so all the while between these two times, for everybody who read it.
    pub(super) fn cover(&self, from: Time, until: Time) -> bool {
        self.0.iter().any(|span| span.begun.1 <= from && span.ended.is_none_or(|(ending, _)| until < ending))
    }

    /// Whether anybody who read between these two times may have seen it so.
    pub(super) fn touch(&self, from: Time, until: Time) -> bool {
        self.0.iter().any(|span| span.begun.0 <= until && span.ended.is_none_or(|(_, ended)| from <= ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_10_to_20() -> Spans {
        let mut spans = Spans::default();
        spans.begin((9, 11));
        spans.begin((12, 13));
        spans.end((19, 21));
        spans.end((30, 31));
        spans
    }

    #[test]
    fn what_is_written_meanwhile_is_neither_sure_nor_impossible() {
        let spans = from_10_to_20();
        assert!(spans.cover(11, 18));
        assert!(!spans.cover(10, 18) && !spans.cover(11, 19));
        assert!(spans.touch(0, 9) && spans.touch(21, 40) && spans.touch(0, 40));
        assert!(!spans.touch(0, 8) && !spans.touch(22, 40));
    }

    #[test]
    fn what_lasts_has_no_end() {
        let mut spans = from_10_to_20();
        spans.begin((40, 41));
        assert!(spans.cover(41, 1_000) && spans.touch(1_000, 2_000));
        assert!(!spans.cover(15, 50));
    }
}
