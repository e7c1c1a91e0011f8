//! Programs that run what they are given as code.

/// Shells: never a program of a connector.
pub(super) const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "fish", "busybox"];

/// Programs that take code, or further programs, among their arguments.
pub(super) const INTERPRETERS: &[&str] = &[
    "python", "perl", "ruby", "node", "deno", "php", "lua", "tclsh", "awk", "gawk", "mawk", "sed", "find",
    "xargs", "env", "nohup", "nice", "timeout", "ssh", "sudo", "su", "doas", "docker", "podman", "kubectl",
    "make",
];

/// The name of a program without its folders, trailing digits and dots: `/usr/bin/python3.12` is `python`.
pub(super) fn plain_name(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or(program);
    name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_in_names_of_programs_are_ignored() {
        assert_eq!(plain_name("/usr/bin/python3.12"), "python");
        assert_eq!(plain_name("/bin/sh"), "sh");
        assert_eq!(plain_name("tar"), "tar");
    }
}
