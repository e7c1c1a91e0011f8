//! What no output repeats: secrets that stand in files, where lines of those files are shown. The one place that
//! blackens them, for excerpts and diffs alike. Never changes how long a line is: places stay where they are.

use ordain_spec::check::masked;
use ordain_spec::source::{FileId, Span};

use crate::subject::Subject;

/// Shorter secrets are looked for as words alone: they stand in too many others.
const SHORT: usize = 4;

/// The secrets of one catalogue and its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    places: Vec<Span>,
    /// What they say, line by line, the longest first.
    texts: Vec<String>,
}

impl Secrets {
    /// What was found to be one.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        let found = subject.secrets();
        let places: Vec<Span> =
            found.iter().filter_map(|problem| Some(problem.primary.as_ref()?.span)).collect();
        let mut texts: Vec<String> = places
            .iter()
            .filter_map(|place| Some(subject.sources.get(place.file)?.slice(*place)))
            .flat_map(str::lines)
            .map(|line| line.trim().trim_matches(['\'', '"']).to_owned())
            .filter(|line| !line.is_empty())
            .collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self { places, texts }
    }

    /// A line of a file, which begins at `start` there.
    #[must_use]
    pub fn line_of(&self, file: FileId, start: usize, line: &str) -> String {
        let mut shown = line.to_owned();
        for place in self.places.iter().filter(|place| place.file == file) {
            let within = |at: u32| (at as usize).saturating_sub(start).min(shown.len());
            let range = within(place.start)..within(place.end);
            if let Some(secret) = shown.get(range.clone()) {
                let black = black(secret);
                shown.replace_range(range, &black);
            }
        }
        self.line(&shown)
    }

    /// True for the words of one.
    #[must_use]
    pub fn is_one(&self, text: &str) -> bool {
        let same = self.texts.partition_point(|other| other.len() > text.len());
        self.texts.iter().skip(same).take_while(|other| other.len() == text.len()).any(|other| other == text)
    }

    /// A line of which only the words are known.
    #[must_use]
    pub fn line(&self, line: &str) -> String {
        let shown = self.texts.iter().fold(line.to_owned(), |line, text| without(&line, text));
        masked(&shown)
    }
}

/// The line without what a secret says.
fn without(line: &str, text: &str) -> String {
    let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some((before, after)) = rest.split_once(text) {
        out.push_str(before);
        let within = is_part(out.chars().next_back()) || is_part(after.chars().next());
        if text.len() < SHORT && within {
            out.push_str(text);
        } else {
            out.push_str(&black(text));
        }
        rest = after;
    }
    out + rest
}

fn black(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_black_wherever_its_words_stand_and_a_short_one_as_a_word() {
        let secrets = Secrets { places: Vec::new(), texts: vec!["hunter2".into(), "pw".into()] };
        for (line, shown) in [
            ("+    key: hunter2 # hunter2x", "+    key: ******* # *******x"),
            ("-    key: 'pw' and pwd", "-    key: '**' and pwd"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets.line(line), shown);
        }
    }
}
