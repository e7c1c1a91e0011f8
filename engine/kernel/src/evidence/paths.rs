//! Paths of spec files as names of entries: what an archive's names may not hold is written as `%` and two
//! hexadecimal digits, so that every path has one name and every name one path.

use crate::archive::is_plain;

/// The name of the entry that holds a file.
#[must_use]
pub fn name_of(folder: &str, path: &str) -> String {
    let mut name = format!("{folder}/");
    let parts = path.split('/').map(|part| {
        let last = part.len().saturating_sub(1);
        let dots = part == "." || part == "..";
        part.bytes().enumerate().map(move |(at, byte)| {
            let kept = is_letter(byte) && !dots && !(at == last && matches!(byte, b' ' | b'.'));
            if kept { char::from(byte).to_string() } else { format!("%{byte:02x}") }
        })
    });
    for (at, part) in parts.enumerate() {
        if at > 0 {
            name.push('/');
        }
        name.extend(part);
    }
    name
}

/// The path of the file that an entry of the folder holds; none where the entry is not in it, or its name is not
/// the one that its path has.
#[must_use]
pub fn path_of(folder: &str, name: &str) -> Option<String> {
    let written = name.strip_prefix(folder)?.strip_prefix('/')?;
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        };
        bytes.push(byte);
    }
    let path = String::from_utf8(bytes).ok()?;
    (name_of(folder, &path) == name && is_plain(name)).then_some(path)
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b' ' | b'+' | b'@' | b'=' | b',')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::archive::Archive;

    #[test]
    fn every_path_has_one_name_that_an_archive_takes() {
        let mut archive = Archive::default();
        for path in [
            "specs/a.yaml",
            "a b/c.kdl",
            "ä/ß.yaml",
            "x/../y.yaml",
            "end./.hidden.yaml",
            "a:b\\c*?.yaml",
            "%41",
        ] {
            let name = name_of("specs/1", path);
            archive.add(&name, *b"").unwrap();
            assert_eq!(path_of("specs/1", &name).as_deref(), Some(path), "{name}");
        }
        assert_eq!(name_of("s", "specs/a.yaml"), "s/specs/a.yaml");
        for name in ["s/%41", "s/%2", "s/%zz", "t/a", "sa", "s/a%2F", "s/../a"] {
            assert_eq!(path_of("s", name), None, "{name}");
        }
    }
}
