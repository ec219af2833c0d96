//! Random bytes from the kernel.

use std::io;

/// Returns random bytes as hexadecimal digits, two for each byte.
pub fn hexadecimal(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    let mut done = 0;
    while done < bytes {
        done += rustix::rand::getrandom(&mut buffer[done..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}
