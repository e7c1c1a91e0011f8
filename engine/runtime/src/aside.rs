//! What is said on standard error beside every answer: trouble that holds nothing up. What others wrote into it is made
//! visible, so that it cannot drive the terminal.

use ordain_spec::shown::visible;

/// Says it.
pub fn say(text: &str) {
    eprintln!("ordain: {}", visible(text));
}
