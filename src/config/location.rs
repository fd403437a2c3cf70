//! Where the configuration stands: in a file, or as a whole in a variable, for a container that has no files.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{ConfigErrors, Problem, problem::ValueOrigin};

/// The variable that holds the whole text of the configuration.
pub const CONFIG_TEXT: &str = "PHENOM_PROVISIONER_CONFIG_TOML";

/// The file where neither a file nor a text is given.
const DEFAULT_FILE: &str = "provisioner.toml";

/// The place of the configuration. `Display` is what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigLocation {
    /// A file. Relative paths in it start at its folder.
    File(PathBuf),
    /// The variable [`CONFIG_TEXT`]. Relative paths in it start at the working directory.
    Variable,
}

impl ConfigLocation {
    /// The place, where `file` is the one that was named, if any was. Never both: which of two policies is meant cannot be
    /// guessed.
    pub fn choose(file: Option<PathBuf>, is_text_given: bool) -> Result<Self, ConfigErrors> {
        match (file, is_text_given) {
            (None, true) => Ok(Self::Variable),
            (Some(file), true) => Err(ConfigErrors::new(
                Path::new(CONFIG_TEXT),
                vec![Problem::new(
                    ValueOrigin::Absent,
                    format!("it holds a configuration, and {} is named as its file as well", file.display()),
                    format!("keep one: unset {CONFIG_TEXT}, or leave out --config and PHENOM_PROVISIONER_CONFIG"),
                )],
            )),
            (file, false) => Ok(Self::File(file.unwrap_or_else(|| DEFAULT_FILE.into()))),
        }
    }

    /// What messages name it by, in the place of a file.
    pub fn name(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Variable => Path::new(CONFIG_TEXT),
        }
    }

    /// The folder where relative paths start.
    pub(super) fn base(&self) -> &Path {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new("")),
            Self::Variable => Path::new(""),
        }
    }

    /// The text that stands there.
    pub(super) fn text(&self, variables: &[(String, String)]) -> Result<String, ConfigErrors> {
        let (text, mend) = match self {
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => return Ok(text),
                Err(error) => (
                    format!("the file cannot be read: {error}"),
                    format!(
                        "name the configuration file by --config; provisioner.example.toml is one to start from. {CONFIG_TEXT} \
                         can hold the whole text instead"
                    ),
                ),
            },
            Self::Variable => match variables.iter().find(|(name, _)| name == CONFIG_TEXT) {
                Some((_, text)) if text.contains(char::REPLACEMENT_CHARACTER) => {
                    ("the value is not UTF-8".to_owned(), "set it to UTF-8 text".to_owned())
                }
                Some((_, text)) if !text.trim().is_empty() => return Ok(text.clone()),
                _ => (
                    "the variable is empty".to_owned(),
                    "set it to the whole text of the configuration, as provisioner.example.toml has it, or unset it"
                        .to_owned(),
                ),
            },
        };
        Err(ConfigErrors::new(self.name(), vec![Problem::new(ValueOrigin::Absent, text, mend)]))
    }
}

impl fmt::Display for ConfigLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().display().fmt(f)
    }
}

impl<P: AsRef<Path>> From<P> for ConfigLocation {
    fn from(path: P) -> Self {
        Self::File(path.as_ref().to_owned())
    }
}
