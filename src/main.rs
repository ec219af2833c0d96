//! The `rmqgit` program: hands its arguments to [`rmqgit::cli`] and ends with the exit status it returns.

/// Values of expressions and trees of YAML are many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rmqgit::cli::main()
}
