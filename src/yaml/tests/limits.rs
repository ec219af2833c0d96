//! Wrong and hostile files end soon, in bounded memory, with a clear refusal.

use super::*;

fn refused(text: &str, limits: &Limits, code: &str) -> Diagnostics {
    let mut diags = Diagnostics::new();
    let tree = parse(text, 0, limits, &mut diags);
    assert_eq!(
        (tree.is_none(), diags.last().map(|diag| &*diag.code)),
        (true, Some(code)),
        "{:?}",
        &text[..text.len().min(60)]
    );
    diags
}

/// Builds `levels` anchors, each a list of nine aliases of the one before.
fn bomb(levels: usize) -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..levels {
        let aliases = vec![format!("*a{}", i - 1); 9].join(", ");
        let _ = writeln!(text, "a{i}: &a{i} [{aliases}]");
    }
    text
}

#[test]
fn hostile_files_are_refused() {
    let limits = Limits::default();
    refused(&bomb(10), &limits, "alias-bomb");
    refused(&bomb(10).replace('[', "{k: [").replace(']', "]}"), &limits, "alias-bomb");
    refused(&"[".repeat(100_000), &limits, "too-deep");
    refused(&"{a: ".repeat(100_000), &limits, "too-deep");
    refused(&"- ".repeat(100_000), &limits, "too-deep");
    refused(&lines(0..2000, |i| format!("{}a:", " ".repeat(i))), &limits, "too-deep");
    refused(&"? ".repeat(100_000), &limits, "too-deep");
    refused(&"a: 1\n".repeat(1000), &limits, "too-many-errors");
    refused(&"x: *y\n".repeat(1000), &limits, "too-many-errors");
}

#[test]
fn a_chain_of_aliases_is_as_deep_as_it_expands_to() {
    let chain = |links: usize| {
        let mut text = "a0: &a0 [x]\n".to_owned();
        (1..links).for_each(|i| {
            let _ = writeln!(text, "a{i}: &a{i} [*a{}]", i - 1);
        });
        text
    };
    let limits = Limits::default();
    refused(&chain(10_000), &limits, "too-deep");
    let mut diags = Diagnostics::new();
    let tree = parse(&chain(62), 0, &limits, &mut diags).expect("it is deep, not too deep");
    assert!(decode::<serde_json::Value>(&tree, &mut diags).is_some_and(|value| value.is_object()), "{diags:?}");
}

#[test]
fn limits_are_kept_exactly() {
    let limits = Limits { bytes: 40, nodes: 7, depth: 3, visits: 4, errors: 3 };
    let good = |text: &str| {
        let mut diags = Diagnostics::new();
        assert!(parse(text, 0, &limits, &mut diags).is_some(), "{text:?}: {diags:?}");
    };
    good(&format!("{:40}", "a"));
    refused(&format!("{:41}", "a"), &limits, "too-large");
    good("[[a]]");
    refused("[[[a]]]", &limits, "too-deep");
    good("[1, 2, 3, 4, 5, 6]");
    refused("[1, 2, 3, 4, 5, 6, 7]", &limits, "too-many-nodes");
    good("[&a [x], *a, *a]");
    refused("[&a [x], *a, *a, *a]", &limits, "alias-bomb");
    refused("[*a, *b, *c, *d]", &limits, "too-many-errors");
}

#[test]
fn deep_values_fit_the_stack_of_a_thread() {
    let text = format!("{}x{}", "[".repeat(63), "]".repeat(63));
    let mut diags = Diagnostics::new();
    let tree = parse(&text, 0, &Limits::default(), &mut diags).expect("63 lists and a text are 64 levels");
    let copy = tree.clone();
    let thread = std::thread::spawn(move || decode::<serde_json::Value>(&copy, &mut Diagnostics::new()).is_some());
    assert!(thread.join().expect("the thread ends by itself"));
    drop(tree);
}
