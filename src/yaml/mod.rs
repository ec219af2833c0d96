//! Reads YAML into a tree that knows where everything stands, and decodes the tree.
