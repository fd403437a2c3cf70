//! The pages of the repository, read as Markdown.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::support::repository;

/// A page, with what can be checked in it.
pub(super) struct Page {
    /// From the root of the repository.
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) links: Vec<Found>,
    /// What a link to a heading of it ends in.
    pub(super) anchors: BTreeSet<String>,
    /// Code within a line.
    pub(super) inline: Vec<Found>,
    /// Fenced code, with what stands behind the fence.
    pub(super) blocks: Vec<(String, Found)>,
}

/// A piece of a page, and where it stands.
pub(super) struct Found {
    pub(super) place: String,
    pub(super) text: String,
}

impl Page {
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(repository("").join(path)).expect("a page is text");
        let mut page = Self {
            path: path.to_owned(),
            text: text.clone(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            inline: Vec::new(),
            blocks: Vec::new(),
        };
        let found = |text: &str, at: Range<usize>, of: &str| Found {
            place: format!("{}:{}", path.display(), of[..at.start].matches('\n').count() + 1),
            text: text.to_owned(),
        };
        let (mut heading, mut block) = (None::<String>, None::<(String, Found)>);
        for (event, at) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(found(&dest_url, at, &text));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.add_anchor(&heading.take().unwrap_or_default()),
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match &kind {
                        CodeBlockKind::Fenced(language) => language.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some((language, found("", at, &text)));
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(said) => match (&mut block, &mut heading) {
                    (Some((_, block)), _) => block.text.push_str(&said),
                    (None, Some(heading)) => heading.push_str(&said),
                    (None, None) => {}
                },
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    page.inline.push(found(&code, at, &text));
                }
                _ => {}
            }
        }
        page
    }

    /// As forges make them: letters, digits, `_` and `-`, a blank as `-`, and a number where there is one already.
    fn add_anchor(&mut self, heading: &str) {
        let kept =
            heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || "_- ".contains(*c)).collect::<String>();
        let slug = kept.replace(' ', "-");
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|anchor| !self.anchors.contains(anchor));
        self.anchors.extend(free);
    }
}

/// Every page there is, but for what was built or fetched.
pub(super) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(Path::new(""), &mut pages);
    pages.sort();
    assert!(pages.len() > 15, "the pages are not found: {pages:?}");
    pages.iter().map(|path| Page::read(path)).collect()
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(repository("").join(folder)).expect("the repository can be read") {
        let entry = entry.expect("the repository can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = folder.join(&name);
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !["target", "node_modules"].contains(&&*name) && !name.starts_with('.') {
                collect(&path, pages);
            }
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
}
