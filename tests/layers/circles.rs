//! No file imports itself by way of others.

use std::path::PathBuf;

use crate::scanner::{InnerImport, inner_imports, modules};

/// Where no file may import itself by way of others.
pub(crate) const WITHOUT_CIRCLES: [&str; 1] = ["reconcile"];

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let modules = modules();
    for layer in WITHOUT_CIRCLES {
        let inside: Vec<_> = modules.iter().filter(|(_, path)| path[0] == layer).collect();
        // The layer's own `mod.rs` shows to others what is inside.
        let inside: Vec<_> = inside.into_iter().filter(|(_, path)| path.len() > 1).collect();
        let imports: Vec<Vec<usize>> = inside
            .iter()
            .map(|(file, path)| {
                let found = inner_imports(&std::fs::read_to_string(file).unwrap(), path);
                let of = |import: InnerImport| {
                    let is_in = |(_, module): &&(PathBuf, Vec<String>)| import.path.starts_with(module);
                    let longest = inside.iter().filter(|one| is_in(one)).max_by_key(|(_, module)| module.len())?;
                    inside.iter().position(|one| one.1 == longest.1)
                };
                found.into_iter().filter_map(of).collect()
            })
            .collect();
        for start in 0..inside.len() {
            if let Some(circle) = circle_from(start, &imports) {
                let names: Vec<String> = circle.iter().map(|at| inside[*at].1.join("::")).collect();
                panic!("an import circle, each imports the next: {}", names.join(" -> "));
            }
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
