//! The `ocirepo` program; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    ocirepo_cli::main()
}
