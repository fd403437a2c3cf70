//! An answer in both its forms, HTML (`templates/reply.html`) and plain text, with the names of the users in it: in HTML as a
//! pill with a short id beside it, in plain text with the whole id.

use askama::Template;

use crate::commands::text::reply::{Block, Piece, Reply, text};
use crate::display_names::{DisplayNames, NamedUser, TextPart};

/// Both forms together may be this long; an event may have 64 KiB in all.
const LARGEST: usize = 36 * 1024;

/// What a name takes in both forms, mostly: its link says the id once more.
const ROOM_FOR_NAME: usize = 150;

/// An answer in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) plain: String,
    pub(crate) html: String,
}

/// A piece, or a part of one, as it is shown.
enum Part<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    User(&'a NamedUser),
}

enum ShownBlock<'a> {
    Line(Vec<Part<'a>>),
    List(Vec<Vec<Part<'a>>>),
}

#[derive(Template)]
#[template(path = "reply.html")]
struct Html<'a> {
    blocks: &'a [ShownBlock<'a>],
}

impl Reply {
    /// Both forms without names, cut until they fit into an event.
    #[cfg(test)]
    pub(crate) fn render(&self) -> Rendered {
        self.cut_to_fit().render_with(&DisplayNames::default())
    }

    /// As much of it as an event holds, with room for names.
    pub(crate) fn cut_to_fit(&self) -> Self {
        let mut reply = self.clone();
        // Each cut leaves fewer parts than before, so this ends.
        while !reply.is_whole() && reply.cut() {}
        reply
    }

    /// Both forms of what fits. Where the names are so long that it does not, the ids say who it is.
    pub(crate) fn render_with(&self, names: &DisplayNames) -> Rendered {
        let named = self.both_forms(names);
        if named.length() <= LARGEST { named } else { self.both_forms(&DisplayNames::default()) }
    }

    /// Whether a message holds all of it, and the names.
    pub(crate) fn is_whole(&self) -> bool {
        // That it is too long by its text alone is cheaper to say.
        let alone: usize = self.blocks.iter().map(Block::length).sum();
        let ids: usize = self.texts().map(|text| text.matches('@').count()).sum();
        let room = ids * ROOM_FOR_NAME;
        2 * alone + room <= LARGEST && self.both_forms(&DisplayNames::default()).length() + room <= LARGEST
    }

    fn both_forms(&self, names: &DisplayNames) -> Rendered {
        let blocks: Vec<ShownBlock<'_>> = self.blocks.iter().map(|block| ShownBlock::of(block, names)).collect();
        let html = Html { blocks: &blocks }.render().unwrap_or_default();
        let plain: Vec<String> = blocks.iter().flat_map(ShownBlock::plain).collect();
        Rendered { plain: plain.join("\n"), html }
    }

    /// Halves what has the most text, or takes it out where it has only one part, and says so at the end. False where nothing is
    /// left to be cut.
    fn cut(&mut self) -> bool {
        let note = Block::Line(vec![text("Cut here, because a message holds no more.")]);
        self.blocks.retain(|block| *block != note);
        let longest = self.blocks.iter().enumerate().max_by_key(|(_, block)| block.length()).map(|(at, _)| at);
        if let Some(at) = longest
            && !self.blocks[at].halve()
        {
            self.blocks.remove(at);
        }
        self.blocks.push(note);
        longest.is_some()
    }
}

impl Rendered {
    fn length(&self) -> usize {
        self.plain.len() + self.html.len()
    }
}

impl<'a> ShownBlock<'a> {
    fn of(block: &'a Block, names: &'a DisplayNames) -> Self {
        match block {
            Block::Line(pieces) => Self::Line(parts(pieces, names)),
            Block::List(entries) => Self::List(entries.iter().map(|entry| parts(entry, names)).collect()),
        }
    }

    fn plain(&self) -> Vec<String> {
        match self {
            Self::Line(line) => vec![plain(line)],
            Self::List(entries) => entries.iter().map(|entry| format!("- {}", plain(entry))).collect(),
        }
    }
}

/// What is to be typed stays as it is; an id alone is no such thing.
fn parts<'a>(pieces: impl IntoIterator<Item = &'a Piece>, names: &'a DisplayNames) -> Vec<Part<'a>> {
    let found = |text: &'a str, as_part: fn(&'a str) -> Part<'a>| -> Vec<Part<'a>> {
        let part = |part| match part {
            TextPart::Text(text) => as_part(text),
            TextPart::User(user) => Part::User(user),
        };
        names.parts(text).into_iter().map(part).collect()
    };
    let of_piece = |piece: &'a Piece| match piece {
        Piece::Text(text) => found(text, Part::Text),
        Piece::Strong(text) => found(text, Part::Strong),
        Piece::Code(text) => vec![names.user(text).map_or(Part::Code(text), Part::User)],
    };
    pieces.into_iter().flat_map(of_piece).collect()
}

fn plain(parts: &[Part<'_>]) -> String {
    let text = |part: &Part<'_>| match part {
        Part::Text(text) | Part::Code(text) | Part::Strong(text) => (*text).to_owned(),
        Part::User(user) => user.plain(),
    };
    parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::commands::text::reply::{code, strong};
    use crate::display_names::{FormerName, ShownName};

    #[test]
    fn both_forms_say_the_same() {
        let reply = Reply::line([strong("2 joins"), text(" & more")]).and_list([vec![code("staff"), text(": <12>")]]);
        let Rendered { plain, html } = reply.and_list([vec![text("see "), code("plan all")]]).render();
        assert_eq!(plain, "2 joins & more\n- staff: <12>\n- see plan all");
        assert_eq!(
            html,
            "<p><strong>2 joins</strong> &#38; more</p><ul><li><code>staff</code>: &#60;12&#62;</li></ul>\
             <ul><li>see <code>plan all</code></li></ul>"
        );
    }

    #[test]
    fn a_hostile_text_is_inert_in_both_forms() {
        let hostile = "<b>x</b> [x](javascript:1) \u{202e}";
        let Rendered { plain, html } = Reply::line([text(hostile), code(hostile), strong(hostile)]).render();
        assert!(!html.contains("<b>") && !html.contains('\u{202e}') && !plain.contains('\u{202e}'), "{html} {plain}");
    }

    #[test]
    fn a_name_stands_beside_the_id_in_both_forms_and_is_inert() {
        let ada = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";
        let names = DisplayNames::new("a.org", &[ada], [(ada.to_owned(), "<b>Ada</b>".to_owned())]);
        let typed = format!("explain {ada}");
        let reply =
            Reply::line([code(ada), text(format!(" asks {ada}: ")), code(&typed), strong(format!(" by {ada}"))]);
        let Rendered { plain, html } = reply.and_list([vec![code(ada), text(": gone")]]).render_with(&names);
        let beside = format!("\"<b>Ada</b>\" ({ada})");
        assert_eq!(plain, format!("{beside} asks {beside}: {typed} by {beside}\n- {beside}: gone"));
        let pill =
            format!("<a href=\"https://matrix.to/#/{ada}\">&#60;b&#62;Ada&#60;/b&#62;</a> <code>@4be7a1c0…</code>");
        let line = format!("<p>{pill} asks {pill}: <code>{typed}</code><strong> by </strong>{pill}</p>");
        assert!(html.starts_with(&line) && html.contains(&format!("<li>{pill}: gone</li>")), "{html}");
    }

    #[test]
    fn a_name_that_changed_is_marked_in_both_forms() {
        let ben = "@4be7a1c0-93d2-4000-8000-0123456789ab:a.org";
        let until = DateTime::from_timestamp(1_796_000_100, 0).unwrap();
        let was = FormerName { name: "<b>Ben</b>".to_owned(), until };
        let name = ShownName { name: "Ada".to_owned(), was: Some(was) };
        let names = DisplayNames::new("a.org", &[ben], [(ben.to_owned(), name)]);
        let Rendered { plain, html } = Reply::line([code(ben)]).render_with(&names);
        assert_eq!(plain, format!("\"Ada\" ({ben}, was \"<b>Ben</b>\" until 2026-11-30 00:55 UTC)"));
        let said =
            "</a> <code>@4be7a1c0…</code>, was &#34;&#60;b&#62;Ben&#60;/b&#62;&#34; until 2026-11-30 00:55 UTC</p>";
        assert!(html.ends_with(said), "{html}");
    }

    #[test]
    fn names_that_do_not_fit_leave_the_ids_alone() {
        let ids: Vec<String> = (0..100).map(|number| format!("@{number}:a.org")).collect();
        let shown: Vec<&str> = ids.iter().map(String::as_str).collect();
        let names = |name: &str| DisplayNames::new("a.org", &shown, ids.iter().map(|id| (id.clone(), name.to_owned())));
        let reply = Reply::default().and_list(ids.iter().map(|id| vec![code(id)]));
        assert!(reply.is_whole() && reply.render_with(&names("Ada")).plain.contains("\"Ada\" (@7:a.org)"));
        assert_eq!(reply.render_with(&names(&"&".repeat(300))), reply.render());
    }

    #[test]
    fn long_lines_are_cut_too_and_that_ends() {
        let long = |pieces: usize| vec![code("a-room-of-twenty-let"); pieces];
        let rooms = || Reply::default().and_pieces(long(400)).and_pieces(long(400)).and_pieces(long(400));
        let Rendered { plain, html } = rooms().and([text("the end")]).render();
        assert!(
            plain.len() + html.len() <= LARGEST
                && plain.ends_with("the end\nCut here, because a message holds no more.")
        );
        assert!(plain.len() > LARGEST / 8, "no more than needed: {}", plain.len());
        let one = "long ".repeat(60);
        let many = (0..2000).fold(Reply::default(), |reply, _| reply.and([text(&one)]));
        let Rendered { plain, html } = many.render();
        assert!(plain.len() + html.len() <= LARGEST && plain.len() > LARGEST / 8);
    }

    #[test]
    fn what_no_event_could_hold_is_cut() {
        let entry = || vec![code("@somebody:example.org"), text("because ".repeat(20))];
        let Rendered { plain, html } = Reply::line([text("all")]).and_list((0..10_000).map(|_| entry())).render();
        assert!(plain.len() + html.len() <= LARGEST && plain.ends_with("holds no more."), "{}", plain.len());
    }
}
