//! The pages of laws: why each is one, with what is refused and what is accepted. Texts only.

/// (slug, page), in the order of slugs.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a law.
#[must_use]
pub fn page(slug: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| *known == slug).map(|(_, text)| *text)
}

/// All pages with their slugs, in the order of slugs.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::{page, pages};

    #[test]
    fn pages_are_found_by_their_slug_and_say_something() {
        assert!(pages().count() > 0);
        for (slug, text) in pages() {
            assert_eq!(page(slug), Some(text));
            assert!(text.starts_with("# ") && text.len() > 80, "{slug}");
        }
        assert_eq!(page("no-such-law"), None);
    }
}
