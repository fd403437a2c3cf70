//! One fight: a change that somebody keeps undoing, in words.

/// A change that was done, and undone by somebody else, too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fight {
    /// How often it was done, and undone, within the window.
    pub times: u32,
    pub window_minutes: u64,
    /// Who undid it, where that is known.
    pub by: Option<String>,
    /// When it is tried again, for people to read. Nothing for what is done each time: see [`PowerEdit::restrains`].
    ///
    /// [`PowerEdit::restrains`]: crate::PowerEdit::restrains
    pub again_at: Option<String>,
}

impl Fight {
    /// The fight as a clause that reads alone.
    pub fn text(&self) -> String {
        let Self { times, window_minutes, by, again_at } = self;
        let by = by.as_deref().unwrap_or("somebody");
        let again = match again_at {
            Some(at) => format!("it is tried again at {at}"),
            None => "it is done again each time".to_owned(),
        };
        format!(
            "undone {times} times in {window_minutes} minutes by {by}; ask them why, or take their power to do it; {again}"
        )
    }
}
