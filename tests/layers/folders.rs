//! The inner walls: which folder of a layer may import which beside it.

use crate::circles::WITHOUT_CIRCLES;
use crate::scanner::{inner_imports, modules, root};

/// A folder of a layer, which folders beside it it may import from, and the rule in words. Files that lie in no folder
/// are free: the circle test holds them.
struct Folder {
    path: &'static str,
    may_import: &'static [&'static str],
    rule: &'static str,
}

/// From top to bottom within each layer.
const FOLDERS: [Folder; 6] = [
    Folder {
        path: "reconcile/read",
        may_import: &["pushes", "brakes", "profiles"],
        rule: "reading applies pushes and learns what was fought over; it plans nothing and writes nothing to Synapse",
    },
    Folder {
        path: "reconcile/pushes",
        may_import: &["act"],
        rule: "a push is classified beside our own writes; nothing there asks Synapse",
    },
    Folder {
        path: "reconcile/act",
        may_import: &["brakes", "profiles"],
        rule: "acting carries out and writes down; it looks neither at pushes nor at readings",
    },
    Folder {
        path: "reconcile/brakes",
        may_import: &[],
        rule: "a brake marks, counts and remembers; it carries nothing out",
    },
    Folder {
        path: "reconcile/profiles",
        may_import: &[],
        rule: "a name or picture is given as it was planned; whose and when is decided by the plan and its slice",
    },
    Folder { path: "reconcile/tell", may_import: &[], rule: "telling looks at the world alone" },
];

#[test]
fn every_folder_imports_only_from_those_below_it() {
    let mut broken = Vec::new();
    for folder in &FOLDERS {
        let (layer, name) = folder.path.split_once('/').unwrap();
        let is_neighbour =
            |other: &str| other != name && FOLDERS.iter().any(|one| one.path.split_once('/') == Some((layer, other)));
        for (file, path) in
            modules(&root().join("src")).iter().filter(|(_, path)| path.len() > 1 && path[..2] == [layer, name])
        {
            for import in inner_imports(&std::fs::read_to_string(file).unwrap(), path) {
                let [its_layer, its_folder, ..] = &import.path[..] else { continue };
                if its_layer == layer && is_neighbour(its_folder) && !folder.may_import.contains(&its_folder.as_str()) {
                    broken.push(format!(
                        "{}:{}: {} imports {}, and may import of its neighbours only {:?}: {}",
                        file.strip_prefix(root()).unwrap().display(),
                        import.line,
                        folder.path,
                        import.path.join("::"),
                        folder.may_import,
                        folder.rule
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "imports over an inner wall:\n{}", broken.join("\n"));
}

#[test]
fn the_folders_go_one_way_and_are_all_there() {
    for (at, folder) in FOLDERS.iter().enumerate() {
        let layer = folder.path.split_once('/').unwrap().0;
        for name in folder.may_import {
            let path = format!("{layer}/{name}");
            assert!(FOLDERS[at + 1..].iter().any(|below| below.path == path), "{path} is not below {}", folder.path);
        }
        assert!(root().join("src").join(folder.path).is_dir(), "there is no folder src/{}", folder.path);
    }
    for layer in WITHOUT_CIRCLES {
        for entry in std::fs::read_dir(root().join("src").join(layer)).unwrap().map(Result::unwrap) {
            let path = format!("{layer}/{}", entry.file_name().to_str().unwrap());
            let is_known = FOLDERS.iter().any(|folder| folder.path == path);
            assert!(!entry.path().is_dir() || is_known, "give src/{path} its place in FOLDERS");
        }
    }
}
