//! Says in words what breaks YAML's grammar, and what the usual cause is.

use granit_parser::{ErrorKind, ScanError};

use super::Limits;
use crate::diag::{Diagnostic, Place, Span};

/// What is not finished where the error was found.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// The innermost bracket.
    pub(super) bracket: Option<Span>,
    /// The byte after the last token that is complete.
    pub(super) token: u32,
}

/// Turns the parser's error into a diagnostic.
pub(super) fn explain(error: &ScanError, text: &str, file: u32, limits: &Limits, open: Open) -> Diagnostic {
    let place = place(error, text, file);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(place.used, limits);
    }
    let (message, help) = words(error.kind());
    let message = message.map_or_else(|| error.info(), str::to_owned);
    let mut diag = Diagnostic::error("yaml-syntax", message);
    let bracket = matches!(
        error.kind(),
        ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidFlowScalarIndent
            | ErrorKind::MismatchedFlowCollectionEnd { .. }
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::BlockEntryInFlowCollection
    );
    let bracket = open.bracket.filter(|_| bracket);
    if bracket != Some(place.used) {
        diag = diag.at(place, "here");
    }
    if let Some(span) = bracket {
        diag = diag.at(Place { used: span, defined: None }, "this bracket is still open");
    }
    let quote = matches!(
        error.kind(),
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
    );
    let rest = text.get(open.token as usize..).filter(|_| quote);
    if let Some(at) = rest.and_then(|rest| rest.find(['"', '\''])) {
        let start = open.token + u32::try_from(at).expect("the text is shorter than 4 GiB");
        diag = diag.at(Place { used: Span { file, start, end: start + 1 }, defined: None }, "this quote is still open");
    }
    match help {
        Some(help) => diag.help(help),
        None => diag,
    }
}

/// Makes the diagnostic for too many levels.
pub(super) fn too_deep(span: Span, limits: &Limits) -> Diagnostic {
    Diagnostic::error("too-deep", format!("values are nested more than {} levels deep", limits.depth))
        .at(Place { used: span, defined: None }, "this is one level too deep")
        .help("flatten the values; check that it is the right file")
}

fn place(error: &ScanError, text: &str, file: u32) -> Place {
    let marker = error.marker();
    let start = marker.byte_offset().unwrap_or_else(|| {
        // The parser gives no byte for a few errors, but always line and column.
        let line = text.split_inclusive('\n').take(marker.line().saturating_sub(1)).map(str::len).sum::<usize>();
        text[line..].char_indices().nth(marker.col()).map_or(text.len(), |(at, _)| line + at)
    });
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let end = start + text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let byte = |at: usize| u32::try_from(at).expect("the text is shorter than 4 GiB");
    Place { used: Span { file, start: byte(start), end: byte(end) }, defined: None }
}

/// Returns a plainer message than the parser's own where there is one, and the usual cause.
fn words(kind: &ErrorKind) -> (Option<&'static str>, Option<&'static str>) {
    use ErrorKind as K;
    let (message, help) = match kind {
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabInPlainScalar
        | K::TabAtBlockScalarStart
        | K::InvalidBlockEntryWhitespace
        | K::InvalidMappingValueWhitespace => {
            ("a tab stands where YAML takes only spaces", "indent with spaces; most editors can convert tabs")
        }
        K::MappingValueNotAllowed => (
            "a `:` is not allowed here",
            "a value that holds `: ` goes in quotes; the line before may lack its own `:`, or the indentation is off",
        ),
        K::SimpleKeyExpected | K::InvalidSimpleKey => (
            "this line is neither `key: value` nor the continuation of a value",
            "write `key: value` with a space after the `:`, and start all keys of a mapping in the same column",
        ),
        K::InvalidIndentation
        | K::MappingKeyNotAllowed
        | K::ExpectedBlockMappingKey
        | K::ExpectedBlockSequenceEntry => (
            "the indentation does not match the lines above",
            "start all items of a list, and all keys of a mapping, in the same column",
        ),
        K::BlockSequenceEntryNotAllowed => (
            "a list item `- ` is not allowed here",
            "start all items of a list in the same column, on lines of their own",
        ),
        K::BlockEntryInFlowCollection => (
            "an item `- ` inside brackets",
            "inside `[ ]` items are separated by commas; a text that starts with `-` goes in quotes",
        ),
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar | K::InvalidQuotedScalarIndent => {
            ("a quoted text is not closed", "close the quote; in '...' a quote is written twice, in \"...\" as \\\"")
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            ("text follows the closing quote", "put the whole value in quotes, with inner quotes as '' or \\\"")
        }
        K::UnknownQuotedScalarEscape => {
            ("unknown escape after `\\` in a \"...\" text", "use '...' for text with backslashes, or write `\\\\`")
        }
        K::UnclosedFlowCollection { .. }
        | K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::InvalidColonPlacement
        | K::InvalidFlowScalarIndent => ("a bracket is not closed before this place", "close it with `]` or `}`"),
        K::ExpectedFlowMappingSeparator => {
            ("`,` or `}` is expected here", "separate entries by commas; text with `:`, `,`, `[` or `{` goes in quotes")
        }
        K::ExpectedFlowSequenceSeparator => {
            ("`,` or `]` is expected here", "separate items by commas; text with `:`, `,`, `[` or `{` goes in quotes")
        }
        K::MismatchedFlowCollectionEnd { .. } => {
            ("a bracket is closed by one of the other kind", "close `[` with `]` and `{` with `}`")
        }
        K::MisplacedFlowCollectionEnd => {
            ("a closing bracket without an opening one", "remove it, or put the text in quotes")
        }
        K::UnexpectedCharacter { character: '@' | '`' } => {
            ("a plain text cannot start with this character", "put the text in quotes")
        }
        K::UnexpectedCharacter { character: '%' } => ("a plain text cannot start with `%`", "put the text in quotes"),
        K::UnexpectedCharacter { character } if character.is_control() => {
            ("a control character is not allowed here", "write it as an escape in \"...\", such as \\x1b, or remove it")
        }
        K::CommentNotSeparated => {
            ("a comment needs a space before its `#`", "add the space, or put the text in quotes")
        }
        K::UndeclaredTagHandle => ("unknown tag", "text that starts with `!` goes in quotes"),
        K::MissingAnchorOrAliasName => ("`&` or `*` without a name", "put text that starts with `&` or `*` in quotes"),
        _ => return (None, None),
    };
    (Some(message), Some(help))
}
