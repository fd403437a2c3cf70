//! What the service prints, with its tables set for this page: names in place of user ids, and no wider than the rest.
//!
//! The words around the tables are the service's own. The rows come from the same command's `--json`.

use anyhow::{Context, Result};
use comfy_table::{Cell, Color, Table};
use serde_json::Value;

use super::house::House;
use super::screen::{Screen, coloured};

/// Shows `plan`, which must end with `code`.
///
/// # Errors
/// When it ends otherwise.
pub(crate) async fn plan(screen: &Screen, house: &House, code: i32) -> Result<()> {
    screen.shell("phenom-provisioner plan");
    let printed = house.command(&["plan"], &[code]).await?.stdout;
    let json = house.command(&["plan", "--json"], &[code]).await?.json()?;
    let mut tables = Vec::new();
    for key in ["actions", "blocked"] {
        let rows = json[key].as_array().with_context(|| format!("`plan --json` has {key}"))?;
        if !rows.is_empty() {
            let mut table = screen.quoted_table(&["", "room", "who", "because"]);
            for row in rows {
                table.add_row([
                    kind(&row["kind"], ""),
                    text(&row["room"]),
                    who(house, &row["user"]),
                    text(&row["because"]),
                ]);
            }
            tables.push(table);
        }
    }
    screen.quote(&with_tables(&printed, tables));
    screen.say(&screen.dim(&format!("exit code {code}")));
    Ok(())
}

/// Shows `history` with these arguments.
///
/// # Errors
/// When the command fails.
pub(crate) async fn history(screen: &Screen, house: &House, of: &[&str]) -> Result<()> {
    let args = [&["history"], of].concat();
    screen.shell(&format!("phenom-provisioner {}", args.join(" ")));
    let printed = house.command(&args, &[0]).await?.stdout;
    let json = house.command(&[&args[..], &["--json"]].concat(), &[0]).await?.json()?;
    let mut table = screen.quoted_table(&["when", "", "room", "who", "cause"]);
    for row in json.as_array().context("`history --json` is a list")? {
        let outcome = row["outcome"].as_str().unwrap_or_default().replace('_', " ");
        let time = row["at"].as_str().and_then(|at| at.get(11..19)).unwrap_or_default();
        table.add_row([
            Cell::new(time),
            kind(&row["kind"], &outcome),
            text(&row["room"]),
            who(house, &row["user"]),
            text(&row["cause"]),
        ]);
    }
    screen.quote(&with_tables(&printed, vec![table]));
    Ok(())
}

/// Puts our tables in the place of the printed ones, one by one.
fn with_tables(printed: &str, tables: Vec<Table>) -> String {
    let mut tables = tables.into_iter();
    let mut lines = Vec::new();
    let mut inside = false;
    for line in printed.lines() {
        if line.starts_with('┌')
            && let Some(table) = tables.next()
        {
            lines.push(table.to_string());
            inside = true;
        }
        if !inside {
            lines.push(line.to_owned());
        }
        inside = inside && !line.starts_with('└');
    }
    lines.join("\n")
}

fn kind(kind: &Value, outcome: &str) -> Cell {
    let kind = kind.as_str().unwrap_or_default();
    let text = if outcome.is_empty() { kind.to_owned() } else { format!("{kind}: {outcome}") };
    match kind {
        "join" | "create_account" => coloured(&text, Color::Green),
        "remove" => coloured(&text, Color::Red),
        _ => Cell::new(text),
    }
}

fn text(value: &Value) -> Cell {
    Cell::new(value.as_str().unwrap_or_default())
}

/// The name of somebody the demo knows, else the user id.
fn who(house: &House, user: &Value) -> Cell {
    let user = user.as_str().unwrap_or_default();
    let localpart = user.trim_start_matches('@').split(':').next().unwrap_or_default();
    Cell::new(house.label(localpart).unwrap_or_else(|| user.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_put_in_place_and_the_words_around_them_stay() {
        let mut table = Table::new();
        table.add_row(["ours"]);
        let printed = "Plan 1\n┌──┐\n│ a │\n└──┘\n\nBlocked: 1\n┌──┐\n│ b │\n└──┘\nend";
        let shown = with_tables(printed, vec![table.clone()]);
        assert_eq!(shown, format!("Plan 1\n{table}\n\nBlocked: 1\n┌──┐\n│ b │\n└──┘\nend"));
    }
}
