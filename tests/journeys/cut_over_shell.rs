//! The shell that an operator has open beside `docs/cut-over.md`: one for the whole page, so that what one block sets the next
//! ones have.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longer than any command of the page takes.
const BOUND: Duration = Duration::from_secs(60);

/// Comes after what a command said, with its exit code.
const END: &str = "--- ended with ";

/// A running bash that reads commands from a pipe, as it would from a terminal.
pub(crate) struct Shell {
    _child: Child,
    commands: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Shell {
    /// Opens it in a directory, with `programs` (psql is there) before the rest of the path.
    pub(crate) fn open(directory: &Path, programs: &Path) -> Shell {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs.to_owned()].into_iter().chain(std::env::split_paths(&rest))).unwrap();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc"]).current_dir(directory).env("PATH", path).env("PSQLRC", "/dev/null");
        let child =
            bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true).spawn();
        let mut child = child.expect("this journey needs bash");
        let (commands, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Shell { _child: child, commands, said: BufReader::new(said).lines() }
    }

    /// Runs a command, which must succeed, and gives what it said. What it reads is typed after it.
    pub(crate) async fn run(&mut self, command: &str, typed: Option<&str>) -> String {
        let typed = typed.map(|line| format!("{line}\n")).unwrap_or_default();
        // The next command comes after what the last one has printed without a line's end.
        let text = format!("exec 2>&1\n{command}\n{typed}printf '\\n{END}%s\\n' $?\n");
        self.commands.write_all(text.as_bytes()).await.expect("the shell still reads");
        let (mut said, mut code) = (String::new(), None);
        while code.is_none() {
            let line = tokio::time::timeout(BOUND, self.said.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{command} does not end; it said {said}"));
            let line = line.unwrap().unwrap_or_else(|| panic!("the shell ended at {command}: {said}"));
            match line.strip_prefix(END) {
                Some(ended) => code = Some(ended.to_owned()),
                None => said.push_str(&format!("{line}\n")),
            }
        }
        assert_eq!(code.as_deref(), Some("0"), "{command} says:\n{said}");
        said
    }
}
