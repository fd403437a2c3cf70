//! phenom-provisioner: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    phenom_provisioner::cli::main()
}
