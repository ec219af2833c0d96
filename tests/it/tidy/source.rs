//! What a source file names, outside of its tests: other modules, the outside world, ways of giving up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// A kind of effect, for the rule that says who may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Files, processes, sockets, Git, the clock.
    Door,
    /// Printing.
    Terminal,
    /// Environment variables, arguments, the exit status.
    Environment,
    /// What is fine everywhere but in a pure module.
    Any,
}

/// One file of `src`.
pub(super) struct Source {
    /// The path, relative to the repository.
    pub(super) path: PathBuf,
    /// The module of `lib.rs` that it belongs to.
    pub(super) module: String,
    /// The modules of `lib.rs` that it names, with lines.
    pub(super) uses: Vec<(String, usize)>,
    /// The effects that it names, with lines.
    pub(super) effects: Vec<(Effect, String, usize)>,
    /// Complaints about `unwrap` and the like.
    pub(super) gives_up: Vec<String>,
    /// The modules in files of their own that are compiled for tests only.
    test_modules: Vec<String>,
    /// The path of modules from the crate's root.
    inside: Vec<String>,
}

/// Reads files; those that are compiled for tests only are left out.
pub(super) fn parse(files: Vec<(PathBuf, String)>) -> Vec<Source> {
    let sources: Vec<_> = files.into_iter().map(|(path, text)| read(path, &text)).collect();
    let tests: BTreeSet<_> = sources.iter().flat_map(|source| source.test_modules.iter().cloned()).collect();
    let is_test = |source: &Source| (1..=source.inside.len()).any(|n| tests.contains(&source.inside[..n].join("::")));
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

fn read(path: PathBuf, text: &str) -> Source {
    let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let inside = module_path(&path);
    let module = match inside.first() {
        Some(first) => first.clone(),
        None => path.file_stem().expect("a name").to_string_lossy().into_owned(),
    };
    let source = Source { path, module, uses: vec![], effects: vec![], gives_up: vec![], test_modules: vec![], inside };
    let mut reader = Reader { depth: source.inside.clone(), source };
    reader.visit_file(&file);
    reader.source
}

/// Returns the modules from the crate's root to a file: `src/sys/remote/mod.rs` is `[sys, remote]`, `src/lib.rs` is `[]`.
fn module_path(path: &Path) -> Vec<String> {
    let inner = path.strip_prefix("src").expect("a file of src").with_extension("");
    let mut parts: Vec<_> = inner.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") || (parts.len() == 1 && (parts[0] == "lib" || parts[0] == "main"))
    {
        parts.pop();
    }
    parts
}

struct Reader {
    source: Source,
    /// The module that the visitor is in, inline ones included.
    depth: Vec<String>,
}

impl Reader {
    /// Takes note of a path as it is written.
    fn path(&mut self, path: &[String], line: usize) {
        let mut rest = path;
        let mut base = match path.first().map(String::as_str) {
            Some("crate") => Some(Vec::new()),
            Some("super" | "self") => Some(self.depth.clone()),
            _ => None,
        };
        while let (Some(inside), Some(first)) = (&mut base, rest.first()) {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(inside.pop()),
                _ => break,
            }
            rest = &rest[1..];
        }
        if let Some(mut whole) = base {
            whole.extend(rest.iter().cloned());
            if let Some(used) = whole.first() {
                self.source.uses.push((used.clone(), line));
            }
        } else if let Some(effect) = effect(&path.iter().map(String::as_str).collect::<Vec<_>>()) {
            self.source.effects.push((effect, path.join("::"), line));
        }
    }

    fn tree(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        let line = line(tree.span());
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            syn::UseTree::Path(inner) => self.tree(&inner.tree, &with(inner.ident.to_string())),
            syn::UseTree::Name(name) if name.ident == "self" && !prefix.is_empty() => self.path(prefix, line),
            syn::UseTree::Name(name) => self.path(&with(name.ident.to_string()), line),
            syn::UseTree::Rename(name) => self.path(&with(name.ident.to_string()), line),
            syn::UseTree::Glob(_) => self.path(&with("*".to_owned()), line),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, prefix)),
        }
    }

    fn give_up(&mut self, what: &str, line: usize) {
        self.source.gives_up.push(format!("{}:{line}: {what}", self.source.path.display()));
    }

    fn macro_name(&mut self, name: &str, line: usize) {
        match name {
            "todo" | "unimplemented" | "dbg" | "panic" => self.give_up(&format!("`{name}!` is not an answer"), line),
            "print" | "println" | "eprint" | "eprintln" => {
                self.source.effects.push((Effect::Terminal, format!("{name}!"), line));
            }
            _ => {}
        }
    }

    /// Reads the arguments of a macro, which are tokens without a grammar.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let punct = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let line = line(first.span());
                    let mut path = vec![first.to_string()];
                    while punct(at + 1, ':') && punct(at + 2, ':') {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    if path.len() > 1 {
                        self.path(&path, line);
                    } else if path[0] == "unwrap"
                        && matches!(tokens.get(at + 1), Some(TokenTree::Group(g)) if g.stream().is_empty())
                    {
                        self.give_up(UNWRAP, line);
                    } else if punct(at + 1, '!') {
                        self.macro_name(&path[0], line);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

const UNWRAP: &str = "`.unwrap()` says nothing; `expect` says why";

/// Methods of paths that ask the file system.
const PATH_METHODS: &[&str] = &[
    "canonicalize",
    "read_dir",
    "read_link",
    "metadata",
    "symlink_metadata",
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
];

fn line(span: Span) -> usize {
    span.start().line
}

/// Says which effect a path to an item outside of this crate is.
fn effect(path: &[&str]) -> Option<Effect> {
    Some(match path {
        // Addresses, and the formats of SSH keys and signatures: data in, data out.
        ["std", "net", "IpAddr" | "Ipv4Addr" | "Ipv6Addr" | "SocketAddr" | "AddrParseError", ..]
        | ["russh", "keys", "ssh_key", ..] => return None,
        ["std", "process", "ExitCode" | "exit", ..] | ["std", "env", ..] => Effect::Environment,
        ["std", "io", "stdin" | "stdout" | "stderr", ..] | ["anstream", ..] => Effect::Terminal,
        ["std", "fs" | "net" | "process", ..]
        | ["std", "os", _, "fs" | "net" | "process", ..]
        | ["std", "time", "SystemTime" | "Instant", ..]
        | ["git2" | "ureq" | "russh" | "rustix" | "tokio" | "tempfile", ..]
        | ["jiff", .., "now"] => Effect::Door,
        _ => return None,
    })
}

fn for_tests(attrs: &[syn::Attribute]) -> bool {
    /// Says whether a condition can only hold in tests.
    fn test_only(meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("all") => {
                let parts =
                    list.parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated);
                parts.is_ok_and(|parts| parts.iter().any(test_only))
            }
            _ => false,
        }
    }
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || (attr.path().is_ident("cfg") && attr.parse_args::<syn::Meta>().is_ok_and(|meta| test_only(&meta)))
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(x) => &x.attrs,
        syn::Item::Enum(x) => &x.attrs,
        syn::Item::Fn(x) => &x.attrs,
        syn::Item::Impl(x) => &x.attrs,
        syn::Item::Macro(x) => &x.attrs,
        syn::Item::Mod(x) => &x.attrs,
        syn::Item::Static(x) => &x.attrs,
        syn::Item::Struct(x) => &x.attrs,
        syn::Item::Trait(x) => &x.attrs,
        syn::Item::Type(x) => &x.attrs,
        syn::Item::Use(x) => &x.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !for_tests(attributes(item)) {
            visit::visit_item(self, item);
        } else if let syn::Item::Mod(module) = item
            && module.content.is_none()
        {
            let path = [&self.depth[..], &[module.ident.to_string()]].concat().join("::");
            self.source.test_modules.push(path);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.depth.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.depth.pop();
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    // `pub(in crate::plan)` says who sees an item; it uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.path(&parts, line(path.span()));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.macro_name(&name.ident.to_string(), line(call.span()));
        }
        self.tokens(call.tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        if name == "unwrap" && call.args.is_empty() {
            self.give_up(UNWRAP, line(call.method.span()));
        } else if PATH_METHODS.contains(&name.as_str()) && call.args.is_empty() {
            self.source.effects.push((Effect::Any, format!(".{name}()"), line(call.method.span())));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(token) = &signature.asyncness {
            self.source.effects.push((Effect::Any, "async".to_owned(), line(token.span())));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.source.effects.push((Effect::Any, "async".to_owned(), line(block.async_token.span())));
        visit::visit_expr_async(self, block);
    }
}
