//! Where pictures go: all of them into one folder, and a few, made small, into the documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What the documentation shows: pictures by name and width. Each costs every clone its size.
const IN_DOCS: [(&str, u16); 12] = [
    ("held", 360),
    ("held", 1200),
    ("held-approved", 360),
    ("held-dismissed", 360),
    ("held-empty", 360),
    ("status", 360),
    ("plan", 360),
    ("explain", 360),
    ("explain-removal", 360),
    ("history", 360),
    ("alert", 360),
    ("help", 360),
];

/// More than this for all pictures of the documentation is too much.
const MOST_BYTES: u64 = 1_500_000;

/// The two folders.
#[derive(Debug)]
pub(crate) struct Album {
    all: PathBuf,
    docs: PathBuf,
}

impl Album {
    /// # Errors
    /// When a folder cannot be made.
    pub(crate) fn open(all: PathBuf, docs: PathBuf) -> Result<Album> {
        for folder in [&all, &docs] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        Ok(Album { all: all.canonicalize().context("find the folder for all pictures")?, docs })
    }

    /// Where the picture of this name goes, without its width.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.all.join(name)
    }

    /// Keeps what a message says beside its picture: what a client shows that knows no HTML, and what the others are given.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep_text(&self, name: &str, content: &Value) -> Result<()> {
        for (key, kind) in [("body", "txt"), ("formatted_body", "html")] {
            let text = content[key].as_str().unwrap_or_default();
            fs::write(self.all.join(format!("{name}.{kind}")), format!("{text}\n")).context("write what was said")?;
        }
        Ok(())
    }

    /// Copies what the documentation shows, with fewer colours.
    ///
    /// # Errors
    /// When pngquant is missing or fails, or they are too large.
    pub(crate) fn publish(&self) -> Result<()> {
        let mut bytes = 0;
        for (name, width) in IN_DOCS {
            let file = format!("{name}-{width}.png");
            let (from, to) = (self.all.join(&file), self.docs.join(&file));
            if from.exists() {
                shrink(&from, &to)?;
                bytes += fs::metadata(&to).with_context(|| format!("measure {}", to.display()))?.len();
            }
        }
        ensure!(
            bytes <= MOST_BYTES,
            "the pictures in {} are {bytes} bytes, more than {MOST_BYTES}",
            self.docs.display()
        );
        Ok(())
    }
}

fn shrink(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("pngquant");
    command.args(["--force", "--strip", "--speed", "1", "32", "--output"]).arg(to).arg(from);
    let status = command.status().context("run pngquant; is it installed?")?;
    ensure!(status.success(), "pngquant {} ended with {status}", from.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{IN_DOCS, MOST_BYTES};

    #[test]
    fn the_documentation_has_these_pictures_and_all_of_its_are_small() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pictures");
        let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let files = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "png"));
        let sizes: Vec<(String, u64)> =
            files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect();
        let found: BTreeSet<_> = sizes.iter().map(|(name, _)| name.clone()).collect();
        let wanted: BTreeSet<_> = IN_DOCS.iter().map(|(name, width)| format!("{name}-{width}.png")).collect();
        assert!(wanted.is_subset(&found), "run `cargo pictures`: there are {found:?}");
        assert!(sizes.iter().map(|(_, bytes)| bytes).sum::<u64>() <= MOST_BYTES, "{sizes:?}");
    }
}
