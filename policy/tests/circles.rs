//! No file of the core imports, over whatever others, from itself. A file may name the head (`mod.rs`) of its own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A module by its path from the crate's root, such as `["plan", "kind"]`.
type Module = Vec<String>;

#[test]
fn no_file_of_the_core_imports_from_itself_over_others() {
    let files = files();
    let modules: BTreeSet<Module> = files.keys().cloned().collect();
    let imports: BTreeMap<&Module, BTreeSet<Module>> = files
        .iter()
        .map(|(module, code)| {
            let named = paths(code, module).into_iter().filter_map(|path| resolve(path, &modules));
            (module, named.filter(|other| !module.starts_with(other)).collect())
        })
        .collect();
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 100, "the scanner sees too little");
    let mut done = BTreeSet::new();
    for module in imports.keys() {
        if let Some(circle) = circle(module, &imports, &mut Vec::new(), &mut done) {
            panic!("a circle of imports: {}", circle.join(" > "));
        }
    }
}

fn circle(
    module: &Module,
    imports: &BTreeMap<&Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<String>> {
    if let Some(at) = way.iter().position(|before| before == module) {
        return Some(way[at..].iter().chain([module]).map(|one| one.join("/")).collect());
    }
    if !done.insert(module.clone()) {
        return None;
    }
    way.push(module.clone());
    let found = imports[module].iter().find_map(|next| circle(next, imports, way, done));
    way.pop();
    found
}

/// The file that a path leads into: the longest part of it that is one.
fn resolve(path: Module, modules: &BTreeSet<Module>) -> Option<Module> {
    (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|part| modules.contains(part))
}

/// Every path in the code that begins at the crate's root, at the module or above it.
fn paths(code: &str, module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for (start, up) in [("crate::", None), ("super::", Some(1)), ("self::", Some(0))] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':') {
                continue;
            }
            let mut root = module.clone();
            root.truncate(up.map_or(0, |up| module.len().saturating_sub(up)));
            expand(&code[at + start.len()..], root, &mut found);
        }
    }
    found
}

/// Follows one path, or each of a group; answers with how much of the code it was.
fn expand(code: &str, mut prefix: Module, found: &mut Vec<Module>) -> usize {
    let mut at = code.len() - code.trim_start().len();
    if code[at..].starts_with('{') {
        at += 1;
        while !code[at..].trim_start().starts_with('}') {
            at += expand(&code[at..], prefix.clone(), found);
            at += code[at..].len() - code[at..].trim_start().trim_start_matches(',').len();
        }
        return at + code[at..].find('}').expect("the group ends") + 1;
    }
    let name: String = code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    assert!(!name.is_empty() || code[at..].starts_with('*'), "what is this path? {}", &code[..code.len().min(60)]);
    at += name.len().max(1);
    prefix.push(name);
    if code[at..].starts_with("::") {
        return at + 2 + expand(&code[at + 2..], prefix, found);
    }
    found.push(prefix);
    at
}

/// The code of each file but `lib.rs`, without comments and tests.
fn files() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the core") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path.strip_prefix(&root).expect("it is below").with_extension("");
            let mut module: Module = module.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.pop_if(|last| last == "mod");
            if module != ["lib"] {
                let code = std::fs::read_to_string(&path).expect("it can be read");
                let code = code.split("#[cfg(test)]").next().unwrap_or_default();
                let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
                files.insert(module, lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    files
}
