//! No file imports itself by way of others.

use std::path::PathBuf;

use crate::scanner::{InnerImport, inner_imports, modules, root};

/// A source file with its module's path.
type Module = (PathBuf, Vec<String>);

/// Where no file may import itself by way of others.
pub(crate) const WITHOUT_CIRCLES: [&str; 1] = ["reconcile"];

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let modules = modules(&root().join("src"));
    for layer in WITHOUT_CIRCLES {
        // The layer's own `mod.rs` shows to others what is inside.
        let inside: Vec<_> = modules.iter().filter(|(_, path)| path[0] == layer && path.len() > 1).collect();
        let imports = inside.iter().map(|file| imported(file, &inside)).collect();
        refuse_circles(&inside, imports);
    }
}

/// A file of the core may name the head (`mod.rs`) of its own folder.
#[test]
fn no_file_of_the_core_imports_itself_by_way_of_others() {
    let modules = modules(&root().join("policy/src"));
    let inside: Vec<&Module> = modules.iter().collect();
    let imports = inside.iter().map(|file| {
        let mut imported = imported(file, &inside);
        imported.retain(|other| !file.1.starts_with(&inside[*other].1));
        imported
    });
    refuse_circles(&inside, imports.collect());
}

/// The positions of the files that a file imports.
fn imported((file, path): &Module, inside: &[&Module]) -> Vec<usize> {
    let found = inner_imports(&std::fs::read_to_string(file).unwrap(), path);
    let of = |import: InnerImport| {
        let leads_into = inside.iter().enumerate().filter(|(_, (_, module))| import.path.starts_with(module));
        leads_into.max_by_key(|(_, (_, module))| module.len()).map(|(position, _)| position)
    };
    found.into_iter().filter_map(of).collect()
}

fn refuse_circles(inside: &[&Module], imports: Vec<Vec<usize>>) {
    assert!(imports.iter().map(Vec::len).sum::<usize>() > 100, "the scanner sees too little");
    for start in 0..inside.len() {
        if let Some(circle) = circle_from(start, &imports) {
            let names: Vec<String> = circle.iter().map(|at| inside[*at].1.join("::")).collect();
            panic!("an import circle, each imports the next: {}", names.join(" -> "));
        }
    }
}

/// The way from `start` back to itself, the shortest first found.
fn circle_from(start: usize, imports: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut ways = std::collections::VecDeque::from([vec![start]]);
    let mut seen = vec![false; imports.len()];
    while let Some(way) = ways.pop_front() {
        for &next in imports[*way.last()?].iter().filter(|next| Some(*next) != way.last()) {
            let longer: Vec<usize> = way.iter().copied().chain([next]).collect();
            if next == start {
                return Some(longer);
            }
            if !std::mem::replace(&mut seen[next], true) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[test]
fn the_shortest_way_back_is_found() {
    assert_eq!(circle_from(0, &[vec![1], vec![2, 1], vec![0]]), Some(vec![0, 1, 2, 0]));
    assert_eq!(circle_from(0, &[vec![1, 2], vec![2], vec![]]), None);
}
