//! The `rmqgit` program: hands its arguments to [`rmqgit::cli`] and ends with the exit status it returns.

fn main() -> std::process::ExitCode {
    rmqgit::cli::main()
}
