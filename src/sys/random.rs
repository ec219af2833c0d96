//! Random bytes from the kernel.

use std::io;

/// Returns random bytes as hexadecimal digits, two for each byte.
pub fn hexadecimal(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

/// Returns the salt of a password's hash.
pub fn salt() -> io::Result<[u8; 4]> {
    let mut salt = [0; 4];
    fill(&mut salt)?;
    Ok(salt)
}

/// Fills a buffer with random bytes.
pub fn fill(buffer: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        done += rustix::rand::getrandom(&mut buffer[done..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}
