//! Reads imports off source text: which modules a file names, outside of comments, strings and tests.

use std::path::{Path, PathBuf};

use regex::Regex;

pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) module: String,
    /// As it stands in the source, up to the module.
    pub(crate) text: String,
}

/// What the module at `path` names of the crate's top level, outside of comments, strings and `#[cfg(test)]`.
pub(crate) fn imports(source: &str, path: &[String]) -> Vec<Import> {
    let code = without_tests(&without_text(source));
    let start = Regex::new(r"\b(?:(?:crate|phenom_provisioner)\s*::\s*|(?:super\s*::\s*)+)").unwrap();
    let mut imports = Vec::new();
    for found in start.find_iter(&code) {
        let up = found.as_str().matches("super").count();
        // Fewer steps up than the module is deep stay within its own layer.
        if up > 0 && up < path.len() {
            continue;
        }
        let prefix: String = found.as_str().split_whitespace().collect();
        let line = code[..found.start()].matches('\n').count() + 1;
        for module in heads(&code[found.end()..]) {
            if module != "self" && (up == 0 || crate::HOUSE.iter().any(|layer| layer.name == module)) {
                imports.push(Import { line, text: format!("{prefix}{module}"), module: module.to_owned() });
            }
        }
    }
    imports
}

/// An import with its whole path from the top of the crate.
pub(crate) struct InnerImport {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// What the module at `path` names of the crate, each with its whole path: by `crate::`, by `super::`, and by a child's name.
pub(crate) fn inner_imports(source: &str, path: &[String]) -> Vec<InnerImport> {
    let code = without_tests(&without_text(source));
    let children = Regex::new(r"\bmod (\w+);").unwrap();
    let children: Vec<&str> = children.captures_iter(&code).map(|found| found.extract::<1>().1[0]).collect();
    let start =
        format!(r"(?:^|[^\w:$])((?:crate::|(?:super::)+|(?:{})::))", [&["self"], &children[..]].concat().join("|"));
    let mut imports = Vec::new();
    for found in Regex::new(&start).unwrap().captures_iter(&code) {
        let prefix = found.get(1).unwrap();
        let up = prefix.as_str().matches("super").count();
        let base: Vec<String> = match prefix.as_str().trim_end_matches(':') {
            "crate" => Vec::new(),
            "self" => path.to_vec(),
            _ if up > 0 => path[..path.len().saturating_sub(up)].to_vec(),
            child => path.iter().cloned().chain([child.to_owned()]).collect(),
        };
        let line = code[..prefix.start()].matches('\n').count() + 1;
        leaves(&code[prefix.end()..], base, &mut |path| imports.push(InnerImport { line, path }));
    }
    imports
}

/// Every path that begins with `base` and goes on with `rest`: one, or those of a group. Returns how far it read.
pub(crate) fn leaves(rest: &str, base: Vec<String>, found: &mut impl FnMut(Vec<String>)) -> usize {
    if rest.starts_with('{') {
        let mut at = 1;
        while !rest[at..].starts_with('}') && at < rest.len() {
            let skipped = rest[at..].len() - rest[at..].trim_start_matches([',', ' ', '\n']).len();
            at += skipped;
            let read = leaves(&rest[at..], base.clone(), found);
            at += read;
            if read == 0 && skipped == 0 {
                // An alias, or nothing that is a path.
                at += rest[at..].find([',', '}']).unwrap_or(rest.len() - at);
            }
        }
        return (at + 1).min(rest.len());
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let mut path = base;
    if !["", "self"].contains(&&rest[..end]) {
        path.push(rest[..end].to_owned());
    }
    match rest[end..].strip_prefix("::") {
        Some(more) if more.starts_with(|c: char| c == '{' || c == '_' || c.is_alphabetic()) => {
            end + 2 + leaves(more, path, found)
        }
        _ => {
            found(path);
            end
        }
    }
}

/// The first name of a path, or of each path in a group of them.
pub(crate) fn heads<'a>(rest: &'a str) -> Vec<&'a str> {
    let name = |text: &'a str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        (end > 0).then(|| &text[..end])
    };
    let Some(group) = rest.strip_prefix('{') else { return name(rest).into_iter().collect() };
    let (mut depth, mut heads) = (0, name(group).into_iter().collect::<Vec<_>>());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.extend(name(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

/// Comments, strings and characters blanked out, line by line.
pub(crate) fn without_text(source: &str) -> String {
    let text = Regex::new(concat!(
        r###"(?s)//[^\n]*|/\*.*?\*/|\br##".*?"##|\br#".*?"#|\br"[^"]*""###,
        r#"|"(?:\\.|[^"\\])*"|'(?:\\[^']+|\\'|[^'\\\n])'"#
    ));
    text.unwrap()
        .replace_all(source, |found: &regex::Captures<'_>| "\n".repeat(found[0].matches('\n').count()))
        .into_owned()
}

/// Items under `#[cfg(test)]` blanked out: tests may look anywhere. A file of its own (`#[cfg(test)] mod name;`) is not.
pub(crate) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let mut depth = 0;
        let end = item.find(|character| {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(character, ';' | '}')
        });
        let (item, after) = item.split_at(end.map_or(item.len(), |end| end + 1));
        kept.push_str(&"\n".repeat(item.matches('\n').count()));
        rest = after;
    }
    kept + rest
}

/// Every source file of the service but `lib.rs`, which only lists the modules.
pub(crate) fn sources() -> Vec<PathBuf> {
    let files = files(&root().join("src"));
    assert!(files.len() > crate::HOUSE.len(), "where are the sources?");
    files
}

fn files(source: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![source.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && path != source.join("lib.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Every source file of a crate with its module's path; files of tests left out.
pub(crate) fn modules(source: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let files = files(source).into_iter().filter(|file| !file.ends_with("tests.rs"));
    files.map(|file| (file.clone(), path_in(source, &file))).collect()
}

/// `src/store/ledger.rs` is store, ledger; `src/store/mod.rs` is store.
pub(crate) fn module_path(file: &Path) -> Vec<String> {
    path_in(&root().join("src"), file)
}

fn path_in(source: &Path, file: &Path) -> Vec<String> {
    let file = file.strip_prefix(source).unwrap().with_extension("");
    let mut path: Vec<String> = file.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    path.pop_if(|last| last == "mod");
    path
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_scanner_sees_imports_and_nothing_else() {
    let source = r##"
        //! crate::comment
        use crate::{store::{Entry, Line}, homeserver, self};
        use super::super::config::Config;
        use super::sibling;
        /* crate::block */ const TEXT: &str = "crate::string \" crate::still";
        const RAW: &str = r#"crate::raw"#; const QUOTE: char = '"'; fn f<'a>(x: &'a str) { crate::app::run() }
        macro_rules! m { () => { $crate::cli } }
        #[cfg(test)]
        mod tests {
            use crate::intake;
            fn g() { let _ = [0; 2]; crate::main::x() }
        }
        pub(in crate::reconcile) fn last() { phenom_provisioner::sources::x() }
    "##;
    let path = ["reconcile".to_owned(), "slice".to_owned()];
    let found: Vec<String> =
        imports(source, &path).into_iter().map(|import| format!("{}:{}", import.line, import.text)).collect();
    assert_eq!(
        found,
        [
            "3:crate::store",
            "3:crate::homeserver",
            "4:super::super::config",
            "7:crate::app",
            "8:crate::cli",
            "14:crate::reconcile",
            "14:phenom_provisioner::sources",
        ]
    );
}

#[test]
fn the_inner_scanner_sees_whole_paths() {
    let source = r#"
        mod child;
        use crate::reconcile::{act::{self, journal::Journal}, read};
        use super::tell::gauges as g;
        fn f() { child::run(); crate::store::x(); other::y() }
        #[cfg(test)]
        mod tests { use crate::reconcile::never; }
    "#;
    let path = ["reconcile".to_owned(), "pushes".to_owned()];
    let mut found: Vec<String> = inner_imports(source, &path).into_iter().map(|one| one.path.join("::")).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "reconcile::act",
            "reconcile::act::journal::Journal",
            "reconcile::pushes::child::run",
            "reconcile::read",
            "reconcile::tell::gauges",
            "store::x",
        ]
    );
}
